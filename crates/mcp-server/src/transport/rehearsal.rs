//! What a body meets at the door, before a method runs: for the fuzz target and its corpus.

use axum::response::Response;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};

use super::{body, direct};
use crate::engine::{Method, malformed};

/// What became of a body.
#[derive(Debug)]
pub enum Rehearsed {
    /// A message for a method, or for nobody.
    Admitted(Box<ClientJsonRpcMessage>),
    /// A known method with params that do not fit it, and what the caller is told.
    Malformed(String),
    /// The answer that refuses it.
    Refused(Response),
}

/// Judges a body with the same functions as a request passes.
#[must_use]
pub fn rehearse(bytes: &[u8]) -> Rehearsed {
    if let Some(refusal) = body::batch(bytes).or_else(|| body::why_unreadable(bytes)) {
        return Rehearsed::Refused(refusal);
    }
    let message = match serde_json::from_slice(bytes) {
        Ok(message) => message,
        Err(error) => return Rehearsed::Malformed(error.to_string()),
    };
    if let JsonRpcMessage::Request(request) = &message
        && let ClientRequest::CustomRequest(custom) = &request.request
        && let Some(method) = Method::named(&custom.method)
    {
        return Rehearsed::Malformed(malformed::fault(
            method,
            custom.params.clone().unwrap_or_default(),
        ));
    }
    Rehearsed::Admitted(Box::new(message))
}

/// Whether the short way of a `tools/call` would read the body; if so, rmcp has to as well.
#[must_use]
pub fn is_read_directly(bytes: &[u8]) -> bool {
    direct::reads(bytes)
}
