//! What a body meets at the door, before a method runs: for the fuzz target and its corpus.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::Response;
use futures::FutureExt;
use http_body_util::BodyExt;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
use serde_json::{Value, json};

use super::{body, direct};
use crate::engine::{Method, malformed};

/// What became of a body.
#[derive(Debug)]
pub enum Rehearsed {
    /// A message for a method, or for nobody, as it was understood.
    Admitted(Value),
    /// A known method with params that do not fit it, and what the caller is told.
    Malformed(String),
    /// Refused: the status and the body of the answer.
    Refused(StatusCode, Bytes),
}

/// Judges a body with the same functions as a request passes.
#[must_use]
pub fn rehearse(bytes: &[u8]) -> Rehearsed {
    if let Some(refusal) = body::batch(bytes).or_else(|| body::why_unreadable(bytes)) {
        return refused(refusal);
    }
    let message = match serde_json::from_slice(bytes) {
        Ok(message) => message,
        Err(error) => return Rehearsed::Malformed(error.to_string()),
    };
    match fault(&message) {
        Some(fault) => Rehearsed::Malformed(fault),
        None => Rehearsed::Admitted(json!(message)),
    }
}

/// The SDK takes a request whose params do not fit for one of a method that it does not know.
fn fault(message: &ClientJsonRpcMessage) -> Option<String> {
    let JsonRpcMessage::Request(request) = message else {
        return None;
    };
    let ClientRequest::CustomRequest(custom) = &request.request else {
        return None;
    };
    let method = Method::named(&custom.method)?;
    let params = custom.params.clone().unwrap_or_default();
    Some(malformed::fault(method, params))
}

fn refused(response: Response) -> Rehearsed {
    let (parts, body) = response.into_parts();
    // A refusal is there as a whole.
    let text = body.collect().now_or_never().and_then(Result::ok);
    Rehearsed::Refused(parts.status, text.map(|text| text.to_bytes()).unwrap_or_default())
}

/// The id, the metadata, the name and the arguments that the short way of a `tools/call` takes from a body, if it takes it.
#[must_use]
pub fn read_directly(bytes: &[u8]) -> Option<Value> {
    direct::read(bytes).map(|(id, params)| {
        json!({ "id": id, "meta": params.meta, "name": params.name, "arguments": params.arguments })
    })
}
