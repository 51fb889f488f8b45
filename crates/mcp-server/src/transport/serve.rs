//! One request of an authenticated caller, through rmcp.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use rmcp::transport::StreamableHttpService;

use super::answers::{no_such_session, speak_json_rpc};
use super::authenticate::authenticate;
use super::direct::Direct;
use super::stream::{Hold, guard};
use super::{Gate, body};
use crate::engine::caller::CALLER;
use crate::engine::{self as mcp, Backend, Engine};
use crate::session::Sessions;

/// The header that names a session (MCP 2025-11-25, "Session Management").
pub(super) const SESSION_ID: &str = "mcp-session-id";
/// The header that names the method (MCP 2026-07-28, "Standard Request Headers").
pub(super) const METHOD: &str = "mcp-method";

/// The method that a request says it is for, without reading its body; `unknown` for none or a made-up one.
pub(super) fn claimed_method(headers: &HeaderMap) -> &'static str {
    claimed(headers).map_or("unknown", mcp::Method::as_str)
}

fn claimed(headers: &HeaderMap) -> Option<mcp::Method> {
    let name = headers.get(METHOD)?.to_str().ok()?;
    mcp::Method::named(name)
}

type Rmcp<B> = StreamableHttpService<Engine<B>, Sessions>;

/// What serves the requests.
pub(super) struct Endpoint<B: Backend> {
    pub(super) gate: Gate,
    pub(super) rmcp: Rmcp<B>,
    pub(super) direct: Direct<B>,
}

/// Serves one request.
pub(super) async fn serve<B: Backend>(
    State(endpoint): State<Arc<Endpoint<B>>>,
    request: Request,
) -> Response {
    match answer(&endpoint, request).await {
        Ok(response) | Err(response) => speak_json_rpc(response).await,
    }
}

/// The answer, or the refusal.
async fn answer<B: Backend>(endpoint: &Endpoint<B>, mut request: Request) -> Result<Response, Response> {
    let Endpoint { gate, rmcp, direct } = endpoint;
    let place = gate.places.take()?;
    let (caller, key) = authenticate(gate, &mut request)?;
    let hold = Hold {
        key,
        place,
        stop: waits(&request).then(|| gate.soft_stop.clone()),
    };
    if let Some(id) = &caller.session_id
        && !gate.sessions.admits(id, caller.principal.key_id).await
    {
        return Err(no_such_session());
    }
    let (mut parts, body) = request.into_parts();
    let bytes = body::read(body, gate.config.max_body_bytes(), gate.config.body_timeout.get()).await?;
    if let Some(answer) = direct.answer(&parts, &bytes, &caller).await {
        return Ok(answer);
    }
    parts.extensions.insert(caller.clone());
    match CALLER.scope(caller, through(rmcp, parts, bytes)).await {
        Ok(response) | Err(response) => Ok(guard(response, hold)),
    }
}

async fn through<B: Backend>(rmcp: &Rmcp<B>, parts: Parts, bytes: Bytes) -> Result<Response, Response> {
    if let Some(refusal) = body::batch(&bytes) {
        return Err(refusal);
    }
    let request = Request::from_parts(parts, Body::from(bytes.clone()));
    let response = rmcp.handle(request).await.into_response();
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE
        && let Some(better) = body::why_unreadable(&bytes)
    {
        return Err(better);
    }
    Ok(response)
}

/// Whether the answer to this request only waits for things to happen.
fn waits(request: &Request) -> bool {
    request.method() == Method::GET || claimed(request.headers()) == Some(mcp::Method::Listen)
}
