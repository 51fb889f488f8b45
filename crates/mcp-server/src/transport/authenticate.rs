//! Who asks: the API key of a request becomes a [`Caller`].

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use domain::key::{KeyKind, KeyRefusal};
use domain::{Presented, Principal};
use telemetry::http::RequestSpan;
use telemetry::propagation::Parent;

use super::answers::refuse;
use super::keys_in_use::Held;
use super::{Gate, serve};
use crate::engine::Caller;
use crate::engine::caller::Door;
use crate::engine::refusal;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const DOOR: HeaderName = HeaderName::from_static(Door::HEADER);

/// Lets a request through that carries a valid key; the key itself is gone from the headers then, so that nothing
/// behind can log or forward it.
pub(super) async fn authenticate(gate: &Gate, request: &mut Request) -> Result<(Caller, Held), Response> {
    let (way, presented) = presented(request.headers());
    let (principal, held) = match identify(gate, way, presented).await {
        Ok(identified) => identified,
        Err(refusal) => return Err(refused(gate, request, way, refusal)),
    };
    request.headers_mut().remove(AUTHORIZATION);
    request.headers_mut().remove(API_KEY);
    if let Some(span) = request.extensions().get::<RequestSpan>() {
        span.identify(Some(&principal.tenant_id.to_string()), Some(&principal.name));
        span.caller_known(principal.kind == KeyKind::Admin);
    }
    let caller = caller(principal, request, held.gone());
    Ok((caller, held))
}

/// Whose key it is. `way` is how it came.
pub(crate) async fn identify(
    gate: &Gate,
    way: &str,
    presented: Result<Presented, KeyRefusal>,
) -> Result<(Principal, Held), KeyRefusal> {
    let known = |key: &Presented| gate.keys.authenticate(key, gate.clock.now());
    let principal = match presented {
        Ok(key) => {
            let mut principal = known(&key);
            if principal == Err(KeyRefusal::Unknown) && gate.keys.arrives(&key).await {
                principal = known(&key);
            }
            principal
        }
        Err(refusal) => Err(refusal),
    };
    let outcome = principal
        .as_ref()
        .map_or_else(|refusal| refusal.as_str(), |_| "success");
    gate.metrics.auth_attempts.with([way, outcome]).increment(1);
    let principal = principal?;
    let held = gate.in_use.hold(principal.key_id);
    Ok((principal, held))
}

/// The key, and the way it came: `bearer`, `api_key` or `none`, the words that rest-api uses too.
pub(crate) fn presented(headers: &HeaderMap) -> (&'static str, Result<Presented, KeyRefusal>) {
    let text = |value: &HeaderValue| {
        value
            .to_str()
            .map(str::to_owned)
            .map_err(|_| KeyRefusal::Malformed)
    };
    if let Some(value) = headers.get(AUTHORIZATION) {
        let key = text(value).and_then(|value| {
            let (scheme, key) = value.split_once(' ').ok_or(KeyRefusal::Malformed)?;
            let is_bearer = scheme.eq_ignore_ascii_case("bearer");
            if is_bearer {
                Presented::parse(key.trim())
            } else {
                Err(KeyRefusal::Malformed)
            }
        });
        return ("bearer", key);
    }
    match headers.get(API_KEY) {
        Some(value) => (
            "api_key",
            text(value).and_then(|value| Presented::parse(value.trim())),
        ),
        None => ("none", Err(KeyRefusal::Missing)),
    }
}

fn caller(principal: Principal, request: &Request, gone: tokio_util::sync::CancellationToken) -> Caller {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let taken = request
        .extensions()
        .get::<telemetry::RequestId>()
        .map(|id| id.0.clone());
    let request_id = taken.unwrap_or_else(|| telemetry::RequestId::taken_or_made(text(REQUEST_ID)).0);
    let is_bridge = text(DOOR).is_some_and(|door| door.eq_ignore_ascii_case("stdio"));
    Caller {
        principal: Arc::new(principal),
        request_id: request_id.into(),
        // The current span is the HTTP request's.
        trace: Parent::current().or_else(|| Parent::named(headers)),
        closing: request
            .extensions()
            .get::<RequestSpan>()
            .map(RequestSpan::closing),
        door: if is_bridge { Door::Stdio } else { Door::Http },
        wire: None,
        session_id: text(serve::SESSION_ID).map(Arc::from),
        gone,
        seen: Arc::default(),
    }
}

/// 401, the same for every reason: only metrics and logs tell a wrong key from an expired one.
fn refused(gate: &Gate, request: &Request, way: &str, reason: KeyRefusal) -> Response {
    let endpoint = serve::claimed_method(request.headers());
    gate.metrics
        .requests
        .with([endpoint, "POST", "", "401"])
        .increment(1);
    gate.metrics.errors.with(["", "unauthenticated"]).increment(1);
    tracing::info!(
        event = "authentication_failed",
        reason = reason.as_str(),
        way,
        endpoint,
        "request without a valid key refused"
    );
    let mut response = refuse(
        StatusCode::UNAUTHORIZED,
        refusal::UNAUTHENTICATED,
        "this needs a valid API key: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
    );
    let challenge = if reason == KeyRefusal::Missing {
        HeaderValue::from_static("Bearer realm=\"devmesh\"")
    } else {
        HeaderValue::from_static("Bearer realm=\"devmesh\", error=\"invalid_token\"")
    };
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}
