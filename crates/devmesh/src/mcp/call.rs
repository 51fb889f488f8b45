//! One tool call (MCP 2026-07-28: stateless, one request).

use futures::StreamExt;
use serde_json::{Map, Value, json};

use super::endpoint::{Endpoint, Session};
use super::events::events;
use crate::client;
use crate::failure::Failure;
use crate::terminal::Progress;

const ID: u64 = 1;

/// Calls a tool and answers its result, also one with `isError`. Progress is shown as the tool reports it.
///
/// # Errors
/// When the mesh cannot be reached, refuses the key, or answers with a JSON-RPC error (an unknown tool, say).
pub async fn call_tool(
    endpoint: &Endpoint,
    name: &str,
    arguments: Map<String, Value>,
    progress: &Progress,
) -> Result<Value, Failure> {
    let request = request(name, arguments);
    let sent = endpoint.post(&request, &Session::default()).await;
    let response = sent.map_err(|error| client::unreachable(endpoint.url(), &error))?;
    let status = response.status();
    let mut events = events(response);
    while let Some(event) = events.next().await {
        let event = event.map_err(|reason| {
            Failure::Unreachable(format!("{}: the answer broke off: {reason}", endpoint.url()))
        })?;
        let Some(text) = event.message else { continue };
        let Ok(mut message) = serde_json::from_str::<Value>(&text) else {
            break;
        };
        if let Some(error) = message.get("error") {
            return Err(refused(status, error));
        }
        if message.get("id").and_then(Value::as_u64) == Some(ID)
            && let Some(result) = message.get_mut("result")
        {
            return Ok(result.take());
        }
        show(&message, progress);
    }
    Err(Failure::Failed(format!(
        "{} answered {status} without a result: is this mcp-server's address?",
        endpoint.url()
    )))
}

fn request(name: &str, arguments: Map<String, Value>) -> Value {
    json!({ "jsonrpc": "2.0", "id": ID, "method": "tools/call", "params": {
        "name": name,
        "arguments": arguments,
        "_meta": {
            "progressToken": ID,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "devmesh", "version": env!("CARGO_PKG_VERSION") },
            "io.modelcontextprotocol/clientCapabilities": {}
        }
    }})
}

/// A JSON-RPC error in words; its data names the field, where the arguments are at fault.
fn refused(status: reqwest::StatusCode, error: &Value) -> Failure {
    let message = error
        .get("message")
        .and_then(Value::as_str)
        .unwrap_or("no reason was given");
    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    let data = error
        .get("data")
        .filter(|data| !data.is_null())
        .map(|data| format!("\n  {data}"))
        .unwrap_or_default();
    Failure::Problem {
        message: format!("{message} (code {code}){data}"),
        status: status.as_u16(),
        problem: error.clone(),
    }
}

fn show(message: &Value, progress: &Progress) {
    if message.get("method").and_then(Value::as_str) != Some("notifications/progress") {
        return;
    }
    let number = |field: &str| {
        message
            .pointer(&format!("/params/{field}"))
            .and_then(Value::as_f64)
    };
    if let Some(text) = message.pointer("/params/message").and_then(Value::as_str) {
        progress.state(text);
    }
    if let Some(done) = number("progress").and_then(whole) {
        progress.advance(done, number("total").and_then(whole));
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only for a bar, and only when it fits"
)]
fn whole(number: f64) -> Option<u64> {
    (0.0..1e15).contains(&number).then_some(number as u64)
}
