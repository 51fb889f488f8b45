//! What a request was for that did not reach the engine.

use axum::http::StatusCode;
use rmcp::model::{ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};
use serde::Deserialize;
use serde_json::Value;

use crate::engine::{Method, Unreached};

/// A message as far as it can be read.
#[derive(Default, Deserialize)]
struct Claim {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    method: Value,
    #[serde(default)]
    params: Value,
}

impl Claim {
    fn id(&self) -> Option<RequestId> {
        serde_json::from_value(self.id.clone()).ok()
    }

    fn method(&self) -> Option<Method> {
        Method::named(self.method.as_str()?)
    }
}

/// What the refused request says of itself: in its body, else in its header. None when it is for no method of ours.
pub(super) fn unreached(claimed: Option<Method>, body: &[u8], status: StatusCode) -> Option<Unreached> {
    let claim: Claim = serde_json::from_slice(body).unwrap_or_default();
    Some(Unreached {
        method: claim.method().or(claimed)?,
        id: claim.id(),
        name: claim.params["name"].as_str().map(str::to_owned),
        status: status.as_u16(),
    })
}

/// The refusal of a list whose cursor is no text. The SDK takes such a cursor for none and begins again, so that a client
/// with a fault would read the first page for ever.
pub(super) fn unfit_cursor(body: &[u8]) -> Option<(Unreached, ServerJsonRpcMessage)> {
    memchr::memmem::find(body, br#""cursor""#)?;
    let claim: Claim = serde_json::from_slice(body).ok()?;
    let (method, id) = (claim.method().filter(|method| method.is_list())?, claim.id()?);
    let cursor = claim.params.get("cursor")?;
    if cursor.is_string() || cursor.is_null() {
        return None;
    }
    let message = format!("params of {}: cursor: expected a string", method.as_str());
    let error = ErrorData::new(ErrorCode::INVALID_PARAMS, message, None);
    let refused = Unreached {
        method,
        id: Some(id.clone()),
        name: None,
        status: StatusCode::BAD_REQUEST.as_u16(),
    };
    Some((refused, ServerJsonRpcMessage::error(error, Some(id))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_list_whose_cursor_is_no_text_is_refused() {
        let refused = |method: &str, params: &str| {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            unfit_cursor(body.as_bytes()).is_some()
        };
        assert!(refused("tools/list", r#"{"cursor":7}"#));
        assert!(refused("resources/templates/list", r#"{"cursor":{"a":1}}"#));
        for (method, params) in [
            ("tools/list", r#"{"cursor":"7"}"#),
            ("tools/list", r#"{"cursor":null}"#),
            ("tools/list", r#"{"_meta":{"cursor":7}}"#),
            ("tools/call", r#"{"name":"a","cursor":7}"#),
        ] {
            assert!(!refused(method, params), "{method} {params}");
        }
    }
}
