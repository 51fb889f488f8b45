//! Problem details (RFC 9457) in words.

use reqwest::StatusCode;
use serde_json::Value;

use crate::failure::Failure;

/// What a refusal means to a person: the detail, then each field on a line of its own.
pub(super) fn failure(status: StatusCode, body: &str) -> Failure {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    let detail = problem
        .get("detail")
        .and_then(Value::as_str)
        .unwrap_or("no reason was given");
    let mut message = format!("{status}: {detail}");
    // What collides is named by the detail already; the fields of the others are there to be mended.
    if status != StatusCode::CONFLICT {
        message.push_str(&fields(&problem));
    }
    if status == StatusCode::UNAUTHORIZED {
        message.push_str("\n  the key may be revoked, expired or of another mesh; see --key-file and --data");
    }
    if let Some(id) = problem.get("request_id").and_then(Value::as_str) {
        message.push_str(&format!("\n  request id {id}"));
    }
    Failure::Problem {
        message,
        status: status.as_u16(),
        problem,
    }
}

fn fields(problem: &Value) -> String {
    let errors = problem.get("errors").and_then(Value::as_array);
    let line = |error: &Value| {
        let word = |key| error.get(key).and_then(Value::as_str).unwrap_or("");
        let expected = word("expected");
        let said = if expected.contains("expected ") {
            ""
        } else {
            "expected "
        };
        format!("\n  {}: {said}{expected}", word("field"))
    };
    errors.into_iter().flatten().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_field_by_field() {
        let body = r#"{"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"the request is not valid",
            "errors":[{"field":"name","expected":"1 to 32 of a-z"},{"field":"secret","expected":"expected a string"}],
            "request_id":"r-1"}"#;
        let failure = failure(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(
            failure.to_string(),
            "422 Unprocessable Entity: the request is not valid\n  name: expected 1 to 32 of a-z\n  \
             secret: expected a string\n  request id r-1"
        );
        assert_eq!(failure.code(), 1);
    }

    #[test]
    fn what_collides_is_said_once() {
        let body = r#"{"status":409,"detail":"name: this name is taken","errors":[{"field":"name","expected":"this name is taken"}]}"#;
        assert_eq!(
            failure(StatusCode::CONFLICT, body).to_string(),
            "409 Conflict: name: this name is taken"
        );
    }

    #[test]
    fn an_answer_that_is_no_problem_still_says_its_status() {
        assert_eq!(
            failure(StatusCode::BAD_GATEWAY, "<html>").to_string(),
            "502 Bad Gateway: no reason was given"
        );
    }
}
