//! Waiting for a job.

use serde_json::Value;

use super::Api;
use crate::failure::Failure;
use crate::terminal::Progress;

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
        progress.state(match state {
            "running" => "running",
            _ => "waiting for a worker",
        });
    }
}
