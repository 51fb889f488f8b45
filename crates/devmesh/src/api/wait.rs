//! Waiting for a job.

use serde_json::Value;

use super::Api;
use crate::failure::Failure;
use crate::terminal::{Progress, text};

/// How long one request waits for a final state. Short enough for the progress line to follow the state.
const WAIT_SECONDS: u32 = 5;

/// Waits until the job `id` is done, failed or in doubt, and answers it.
///
/// # Errors
/// When the mesh cannot be reached or the job cannot be read.
pub async fn wait_for_job(api: &Api, id: &str, progress: &Progress) -> Result<Value, Failure> {
    loop {
        let job = api
            .get(&["jobs", id], &[("wait_seconds", WAIT_SECONDS.to_string())])
            .await?;
        let state = job.get("state").and_then(Value::as_str).unwrap_or_default();
        if !matches!(state, "pending" | "running") {
            progress.finish();
            return Ok(job);
        }
        progress.state(&standing(state, &job));
    }
}

/// How a job stands that has not ended: what is going on, and why it was not done at the last attempt.
fn standing(state: &str, job: &Value) -> String {
    let now = match state {
        "running" => "running",
        _ => "waiting for a worker",
    };
    match job.pointer("/error/message").and_then(Value::as_str) {
        Some(error) => format!(
            "{now}; attempt {} of {} failed: {error}",
            text(job, "attempt"),
            text(job, "max_attempts")
        ),
        None => now.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::standing;

    #[test]
    fn a_job_that_waits_for_its_next_attempt_says_why_the_last_one_failed() {
        assert_eq!(
            standing("pending", &json!({ "error": null })),
            "waiting for a worker"
        );
        let job = json!({ "attempt": 1, "max_attempts": 3, "error": { "message": "connection refused" } });
        assert_eq!(
            standing("pending", &job),
            "waiting for a worker; attempt 1 of 3 failed: connection refused"
        );
    }
}
