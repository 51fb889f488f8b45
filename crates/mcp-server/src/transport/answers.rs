//! Refusals as JSON-RPC errors, whoever made them.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use rmcp::model::ErrorCode;
use serde_json::json;

use crate::engine::refusal;

/// Most of a plain-text refusal that is read.
const MAX_TEXT: usize = 64 << 10;

/// An error that belongs to no request id: the request was not read, or not accepted (JSON-RPC 2.0, section 5).
pub(super) fn refuse(status: StatusCode, code: ErrorCode, message: &str) -> Response {
    let error = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code.0, "message": message } });
    (status, [(CONTENT_TYPE, "application/json")], error.to_string()).into_response()
}

/// No such session, or somebody else's: nobody can tell which (MCP 2025-11-25, "Session Management").
pub(super) fn no_such_session() -> Response {
    refuse(
        StatusCode::NOT_FOUND,
        refusal::SESSION_NOT_FOUND,
        "Session not found",
    )
}

/// Gives the plain-text refusals of rmcp the form of JSON-RPC errors, with the same status.
pub(super) async fn speak_json_rpc(response: Response) -> Response {
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    if !is_refusal || is_json(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = Limited::new(body, MAX_TEXT)
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    if status == StatusCode::NOT_FOUND {
        return no_such_session();
    }
    let text = String::from_utf8_lossy(&text);
    let (code, message) = if status.is_server_error() {
        tracing::error!(%status, reason = %text, "request not served");
        (
            ErrorCode::INTERNAL_ERROR,
            "the service failed; the request id leads to the log",
        )
    } else {
        (ErrorCode::INVALID_REQUEST, text.as_ref())
    };
    parts.headers.remove(CONTENT_LENGTH);
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (_, body) = refuse(status, code, message).into_parts();
    Response::from_parts(parts, Body::new(body))
}

fn is_json(response: &Response) -> bool {
    let value = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.starts_with("application/json"))
}
