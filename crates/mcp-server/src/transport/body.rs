//! Reading a body: bounded in size and time, and one JSON-RPC message.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rmcp::model::{ClientJsonRpcMessage, ErrorCode};

use super::answers::refuse;

/// The whole body, or the answer that refuses it.
pub(super) async fn read(body: Body, max: usize, time: Duration) -> Result<Bytes, Response> {
    let read = tokio::time::timeout(time, Limited::new(body, max).collect());
    match read.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("the request is larger than {max} bytes");
            Err(refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::INVALID_REQUEST,
                &message,
            ))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "request body broke off");
            Err(refuse(
                StatusCode::BAD_REQUEST,
                ErrorCode::INVALID_REQUEST,
                "the request broke off",
            ))
        }
        Err(_) => Err(refuse(
            StatusCode::REQUEST_TIMEOUT,
            ErrorCode::INVALID_REQUEST,
            "the request took too long to arrive",
        )),
    }
}

/// The refusal of a batch. Batches left MCP with 2025-06-18.
pub(super) fn batch(body: &[u8]) -> Option<Response> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace())?;
    let message = "batches are not supported: send each message in a request of its own";
    (*first == b'[').then(|| refuse(StatusCode::BAD_REQUEST, ErrorCode::INVALID_REQUEST, message))
}

/// Why rmcp could not read the body: what to answer in place of its 415.
pub(super) fn why_unreadable(body: &[u8]) -> Option<Response> {
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        let message = format!("the request is not JSON: {error}");
        return Some(refuse(StatusCode::BAD_REQUEST, ErrorCode::PARSE_ERROR, &message));
    }
    let error = serde_json::from_slice::<ClientJsonRpcMessage>(body).err()?;
    let message = format!("the request is not a JSON-RPC 2.0 message: {error}");
    Some(refuse(
        StatusCode::BAD_REQUEST,
        ErrorCode::INVALID_REQUEST,
        &message,
    ))
}
