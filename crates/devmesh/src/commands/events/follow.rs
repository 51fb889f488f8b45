//! Follows what happens, over every break of the connection, from where it was.

use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use sse_stream::SseStream;

use super::words;
use crate::api::Api;
use crate::failure::Failure;
use crate::terminal::{Terminal, date, text};

/// Between two tries to reach the mesh, once it was reached.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints what happens, one line an event, until interrupted.
///
/// # Errors
/// When the mesh cannot be reached at first, or refuses.
pub async fn follow(
    api: &Api,
    terminal: &Terminal,
    query: Vec<(&str, String)>,
    mut after: Option<u64>,
) -> Result<(), Failure> {
    let mut reached = false;
    loop {
        let response = match api.stream(&["events"], &query, after).await {
            Err(Failure::Unreachable(_)) if reached => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            response => response?,
        };
        reached = true;
        let mut events = std::pin::pin!(SseStream::from_bytes_stream(response.bytes_stream()));
        while let Some(Ok(event)) = events.next().await {
            after = event.id.and_then(|id| id.parse().ok()).or(after);
            if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                show(terminal, event.event.as_deref().unwrap_or_default(), &data)?;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn show(terminal: &Terminal, kind: &str, data: &str) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.print(data);
    }
    let Ok(event) = serde_json::from_str::<Value>(data) else {
        return Ok(());
    };
    if matches!(kind, "gap" | "closing") {
        terminal.note(format!("{kind}: {data}"));
        return Ok(());
    }
    line(terminal, &event)
}

/// Prints an event.
pub(super) fn line(terminal: &Terminal, event: &Value) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.print(event);
    }
    let about = ["agent_id", "task_id", "message_id"].map(|name| text(event, name));
    let about: Vec<_> = about
        .iter()
        .filter(|id| id.len() > 1)
        .map(String::as_str)
        .collect();
    let line = format!(
        "{}  {:<22} {}  {}",
        date(event, "at"),
        text(event, "type"),
        about.join(" "),
        words(event)
    );
    terminal.print(line)
}
