//! One request of an authenticated caller, through rmcp.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use rmcp::transport::StreamableHttpService;

use super::answers::{no_such_session, speak_json_rpc};
use super::authenticate::authenticate;
use super::direct::{Direct, response as written};
use super::stream::{Hold, guard};
use super::unreached::{unfit_cursor, unreached};
use super::{Gate, body};
use crate::engine::caller::CALLER;
use crate::engine::{self as mcp, Backend, Caller, Engine};
use crate::session::Sessions;

/// The header that names a session (MCP 2025-11-25, "Session Management").
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The header that names the method (MCP 2026-07-28, "Standard Request Headers").
pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");

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
    pub(super) gate: Arc<Gate>,
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
    let gate = &*endpoint.gate;
    let place = gate.places.take()?;
    let (caller, key) = authenticate(gate, &mut request).await?;
    let claimed = claimed(request.headers());
    let (is_post, waits) = (request.method() == Method::POST, waits(&request, claimed));
    let hold = Hold {
        key,
        place,
        stop: waits.then(|| gate.soft_stop.clone()),
    };
    let (parts, body) = request.into_parts();
    let read = body::read(body, gate.config.max_body_bytes(), gate.config.body_timeout.get()).await;
    let bytes = read.as_ref().map(Bytes::clone).unwrap_or_default();
    let answered = match read {
        Ok(bytes) => admitted(endpoint, &caller, parts, bytes).await,
        Err(refusal) => Err(refusal),
    };
    let (Ok(response) | Err(response)) = &answered;
    let is_refusal = response.status().is_client_error() || response.status().is_server_error();
    if is_refusal
        && is_post
        && !caller.was_seen()
        && let Some(refused) = unreached(claimed, &bytes, response.status())
    {
        Box::pin(endpoint.direct.engine().note(&caller, refused)).await;
    }
    answered.map(|response| guard(response, hold))
}
/// The request of a session that is the caller's, or of none.
async fn admitted<B: Backend>(
    endpoint: &Endpoint<B>,
    caller: &Caller,
    mut parts: Parts,
    bytes: Bytes,
) -> Result<Response, Response> {
    let Endpoint { gate, rmcp, direct } = endpoint;
    if let Some(id) = &caller.session_id
        && !gate.sessions.admits(id, caller.principal.key_id).await
    {
        return Err(no_such_session());
    }
    if let Some(answer) = direct.answer(&parts, &bytes, caller).await {
        return Ok(answer);
    }
    if let Some((refused, answer)) = unfit_cursor(&bytes) {
        Box::pin(direct.engine().note(caller, refused)).await;
        return Ok(written(&answer));
    }
    parts.extensions.insert(caller.clone());
    // In a box of its own: every request is copied with the room for whatever it may become.
    let through = Box::pin(through(rmcp, parts, bytes));
    CALLER.scope(caller.clone(), through).await
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
fn waits(request: &Request, claimed: Option<mcp::Method>) -> bool {
    request.method() == Method::GET || claimed == Some(mcp::Method::Listen)
}
