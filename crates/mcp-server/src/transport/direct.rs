//! The short way of a `tools/call`: read here and given to the engine, without rmcp in between (why: `engine::direct`).
//!
//! Only what is plain goes this way: the stateless era, the headers exactly as MCP 2026-07-28 asks for them, nothing to
//! hear but the answer. Everything else, and all that is wrong, goes through rmcp, which knows what to say to it; so
//! what is accepted here must be a part of what rmcp accepts.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use rmcp::model::{
    CallToolRequestParams, ErrorCode, JsonObject, ProtocolVersion, RequestId, RequestMetaObject,
    ServerJsonRpcMessage,
};
use serde::Deserialize;

use super::finish::finished;
use super::serve::{METHOD, SESSION_ID};
use crate::engine::{Asked, Backend, Caller, Engine};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const CALL: &str = "tools/call";

/// The short way of one endpoint.
pub(super) struct Direct<B> {
    engine: Arc<Engine<B>>,
    hosts: Vec<Host>,
    any_host: bool,
}

/// A host that is answered, with one port or every port.
struct Host {
    name: String,
    port: Option<u16>,
}

/// The body. What has further fields goes the long way: with some of them (`result`, `error`) it is no request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    jsonrpc: &'a str,
    id: RequestId,
    method: &'a str,
    params: Params,
}

/// The params of a call that answers no question of an earlier round.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    #[serde(rename = "_meta")]
    meta: Option<RequestMetaObject>,
    name: String,
    arguments: Option<JsonObject>,
}

impl<B: Backend> Direct<B> {
    pub(super) fn new(engine: Engine<B>, allowed_hosts: &[String]) -> Self {
        Self {
            engine: Arc::new(engine),
            hosts: allowed_hosts
                .iter()
                .filter_map(|host| Host::parse(host))
                .collect(),
            any_host: allowed_hosts.is_empty(),
        }
    }

    /// The engine behind it.
    pub(super) fn engine(&self) -> &Engine<B> {
        &self.engine
    }

    /// The answer, or none when the request has to go the long way.
    pub(super) async fn answer(&self, parts: &Parts, body: &Bytes, caller: &Caller) -> Option<Response> {
        let is_plain = parts.method == Method::POST && self.is_plain(&parts.headers);
        let (id, mut params) = is_plain.then(|| read(body)).flatten()?;
        let fits = only(&parts.headers, NAME) == Some(&*params.name)
            && self.engine.calls_directly(caller, &params.name);
        let meta = params.meta.take().filter(|_| fits)?;
        let asked = Asked::directly(caller.clone(), id, meta)?;
        let given_up = asked.given_up();
        let call = Arc::clone(&self.engine).call_directly(params, asked);
        Some(response(&finished(call, given_up).await))
    }

    fn is_plain(&self, headers: &HeaderMap) -> bool {
        only(headers, VERSION) == Some(ProtocolVersion::V_2026_07_28.as_str())
            && only(headers, METHOD) == Some(CALL)
            && !headers.contains_key(SESSION_ID)
            && !headers.contains_key(ORIGIN)
            && only(headers, CONTENT_TYPE).is_some_and(|given| given.eq_ignore_ascii_case(JSON))
            && only(headers, ACCEPT).is_some_and(takes_both)
            && (self.any_host || only(headers, HOST).is_some_and(|host| self.answers(host)))
    }

    fn answers(&self, host: &str) -> bool {
        let Some(asked) = Host::parse(host) else {
            return false;
        };
        self.hosts
            .iter()
            .any(|host| host.name == asked.name && (host.port.is_none() || host.port == asked.port))
    }
}

impl Host {
    /// None for what is no plain authority, an IPv6 address without brackets for example.
    fn parse(text: &str) -> Option<Self> {
        let authority = Authority::try_from(text).ok()?;
        let name = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        (!name.is_empty()).then_some(Self {
            name,
            port: authority.port_u16(),
        })
    }
}

/// The value of a header that is there exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

/// Whether both forms of an answer are named, without weights.
fn takes_both(accept: &str) -> bool {
    let named = |wanted: &str| {
        accept
            .split(',')
            .any(|given| given.trim().eq_ignore_ascii_case(wanted))
    };
    named(JSON) && named(EVENTS)
}

pub(super) fn response(message: &ServerJsonRpcMessage) -> Response {
    match serde_json::to_vec(message) {
        Ok(body) => (status(message), [(CONTENT_TYPE, JSON)], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The call that a body is, if it is one that the short way may take.
pub(super) fn read(body: &[u8]) -> Option<(RequestId, CallToolRequestParams)> {
    // The JSON parser looks at no text that it passes over; rmcp looks at all.
    let body = std::str::from_utf8(body).ok()?;
    let message: Message<'_> = serde_json::from_str(body).ok()?;
    let mut params = CallToolRequestParams::new(message.params.name);
    params.meta = message.params.meta;
    params.arguments = message.params.arguments;
    let is_call = message.jsonrpc == "2.0" && message.method == CALL;
    is_call.then_some((message.id, params))
}

/// The HTTP status of a JSON-RPC error in the stateless era (MCP 2026-07-28, "Sending Messages to the Server").
fn status(message: &ServerJsonRpcMessage) -> StatusCode {
    match message {
        ServerJsonRpcMessage::Error(error) => match error.error.code {
            ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY => StatusCode::BAD_REQUEST,
            ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        },
        _ => StatusCode::OK,
    }
}
