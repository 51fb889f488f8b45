//! Who may knock: the version, the host and origin, a place, and the key if it comes with the handshake.

use std::sync::Arc;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::Principal;
use domain::key::KeyRefusal;
use frames::{HEADER_LEN, SUBPROTOCOL, Version};
use serde_json::json;

use super::Shared;
use super::config::bytes;
use super::connection::{Admitted, Talk};
use super::open::Seat;
use crate::engine::Backend;
use crate::transport::authenticate::{identify, presented};
use crate::transport::keys_in_use::Held;

/// Bytes of a socket's read buffer. tungstenite's own, 128 KiB, would be most of what an idle connection costs.
const READ_BUFFER: usize = 4 << 10;

/// Answers a handshake: with a connection, or with what is wrong.
pub(super) async fn knock<B: Backend>(State(shared): State<Arc<Shared<B>>>, request: Request) -> Response {
    match admit(&shared, request).await {
        Ok(response) => response,
        Err((status, detail)) => {
            let version = Version::V1.as_str();
            shared
                .metrics
                .connections
                .with([version, "rejected"])
                .increment(1);
            refused(status, &detail)
        }
    }
}

type Refusal = (StatusCode, String);

async fn admit<B: Backend>(shared: &Arc<Shared<B>>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, _) = request.into_parts();
    if let Some(why) = shared.hosts.refuse(&parts.headers) {
        return Err((StatusCode::FORBIDDEN, why.to_owned()));
    }
    let version = version(&parts.headers)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| (rejection.status(), rejection.body_text()))?;
    let place = shared.places.take().map_err(|_| {
        let text = "too many connections are open here: try again in a second";
        (StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
    })?;
    let key = key(shared, &parts.headers).await?;
    let admitted = Admitted {
        version,
        place,
        key,
        request_id: parts
            .extensions
            .get::<telemetry::RequestId>()
            .map(|id| id.0.clone()),
    };
    let limit = bytes(shared.config.max_message).saturating_add(HEADER_LEN);
    let (shared, life) = (Arc::clone(shared), shared.life.clone());
    let response = upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        // Twice the limit is read, so that what is a little too large is told so in our words.
        .max_message_size(limit.saturating_mul(2))
        .max_frame_size(limit.saturating_mul(2))
        .on_upgrade(async move |socket: WebSocket| {
            // Boxed, since whatever a task is wrapped in holds room for it once more.
            life.spawn_task(Box::pin(async move {
                Talk::new(shared, admitted).run(socket).await;
            }));
        });
    Ok(response)
}

fn version(headers: &HeaderMap) -> Result<Version, Refusal> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','));
    Version::negotiate(offered).map_err(|unspoken| (StatusCode::BAD_REQUEST, unspoken.to_string()))
}

/// Whose key came with the handshake, if one did.
async fn key<B: Backend>(
    shared: &Shared<B>,
    headers: &HeaderMap,
) -> Result<Option<(Principal, Held, Seat)>, Refusal> {
    let (way, presented) = presented(headers);
    if matches!(presented, Err(KeyRefusal::Missing)) {
        return Ok(None);
    }
    let (principal, held) = identify(&shared.gate, way, presented).await.map_err(|reason| {
        tracing::info!(
            event = "authentication_failed",
            reason = reason.as_str(),
            way,
            endpoint = "websocket",
            "connection without a valid key refused"
        );
        let text = "this needs a valid API key: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`, or none and \
                    an `authenticate` message first";
        (StatusCode::UNAUTHORIZED, text.to_owned())
    })?;
    let seat = shared
        .connections
        .sit(principal.tenant_id, shared.config.max_per_tenant);
    let seat = seat.ok_or_else(|| {
        let text = "this tenant has too many connections here: close some, or try again later";
        (StatusCode::TOO_MANY_REQUESTS, text.to_owned())
    })?;
    Ok(Some((principal, held, seat)))
}

/// A refusal as RFC 9457 has it.
fn refused(status: StatusCode, detail: &str) -> Response {
    let problem = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    let body = (
        status,
        [(CONTENT_TYPE, "application/problem+json")],
        problem.to_string(),
    );
    let mut response = body.into_response();
    let headers = response.headers_mut();
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"devmesh\""),
            );
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        StatusCode::BAD_REQUEST => {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        _ => {}
    }
    response
}
