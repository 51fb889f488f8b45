//! `devmesh trace show`.

use serde_json::Value;

use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::traces::{Source, Trace, drawn, json};

/// Shows the trace with this id or request id.
pub(super) async fn show(source: &Source, id: &str, terminal: &Terminal) -> Result<(), Failure> {
    let traces = find(source, id).await?;
    if traces.is_empty() {
        return Err(Failure::Failed(format!(
            "{} has no trace with the id or the request id `{}`. It may be too old, or not sampled (X-Debug-Trace: true \
                 samples a request whatever the ratio says), or not there yet: spans are sent every second",
            source.name(),
            id
        )));
    }
    if terminal.is_json() {
        let all: Vec<Value> = traces.iter().map(json).collect();
        return terminal.json(&Value::Array(all));
    }
    traces.iter().try_for_each(|trace| terminal.print(drawn(trace)))
}

/// By the trace id if it looks like one, else by the request id; a request id may look like a trace id.
async fn find(source: &Source, id: &str) -> Result<Vec<Trace>, Failure> {
    let is_trace_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_trace_id && let Some(trace) = source.trace(&id.to_ascii_lowercase()).await? {
        return Ok(vec![trace]);
    }
    let mut traces = Vec::new();
    for id in source.with_request_id(id).await? {
        traces.extend(source.trace(&id).await?);
    }
    Ok(traces)
}
