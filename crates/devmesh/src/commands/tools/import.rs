//! What came of reading a description.

use serde_json::Value;

use crate::api::{Api, wait_for_job};
use crate::commands::required;
use crate::failure::Failure;
use crate::terminal::{Terminal, text};

/// Waits for the job of an import or a refresh and tells what came of it: tools, what is no tool and why, or every
/// fault of the description at once.
pub(super) async fn finish(
    api: &Api,
    terminal: &Terminal,
    provider: &str,
    job: &Value,
) -> Result<(), Failure> {
    let progress = terminal.progress(&format!("reading the description of {provider}"));
    let job = wait_for_job(api, required(job, "id")?, &progress).await?;
    drop(progress);
    if terminal.is_json() {
        terminal.json(&job)?;
    }
    if text(&job, "state") != "done" {
        return Err(Failure::Failed(why(provider, &job)));
    }
    if !terminal.is_json() {
        summary(terminal, provider, job.get("result").unwrap_or(&Value::Null))?;
    }
    Ok(())
}

fn summary(terminal: &Terminal, provider: &str, result: &Value) -> Result<(), Failure> {
    let skipped = items(result, "/skipped");
    terminal.print(format_args!(
        "{provider}: {}, {} skipped; {} added, {} changed, {} removed",
        count(result.get("tools").and_then(Value::as_u64).unwrap_or(0), "tool"),
        count(skipped.len() as u64, "operation"),
        items(result, "/diff/added").len(),
        items(result, "/diff/changed").len(),
        items(result, "/diff/removed").len(),
    ))?;
    if !skipped.is_empty() {
        terminal.print(table_of(skipped, "operation", "reason"))?;
    }
    Ok(())
}

/// The reason, and every fault with its place.
fn why(provider: &str, job: &Value) -> String {
    let error = job.get("error").unwrap_or(&Value::Null);
    let mut message = format!(
        "`{provider}` was not read: {} ({})",
        text(error, "message"),
        text(error, "kind")
    );
    let faults = items(error, "/details/faults");
    if !faults.is_empty() {
        message.push_str(&format!(
            "\n{} in the description; nothing was saved:\n",
            count(faults.len() as u64, "fault")
        ));
        message.push_str(&table_of(faults, "pointer", "message"));
    }
    message
}

fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// `1 tool`, `2 tools`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Two fields of each item, the first one padded.
pub(super) fn table_of(items: &[Value], first: &str, second: &str) -> String {
    let width = items
        .iter()
        .map(|item| text(item, first).chars().count())
        .max()
        .unwrap_or(0)
        .min(60);
    let line = |item: &Value| format!("  {:width$}  {}", text(item, first), text(item, second));
    items.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_with_its_place() {
        let job = serde_json::json!({"state": "failed", "error": {"kind": "invalid_description",
            "message": "2 faults", "details": {"faults": [
                {"pointer": "/paths/~1a/get", "message": "expected an object"},
                {"pointer": "/info", "message": "missing"}]}}});
        let told = why("petstore", &job);
        assert!(told.contains("/paths/~1a/get  expected an object"), "{told}");
        assert!(told.contains("/info           missing"), "{told}");
    }
}
