//! `Idempotency-Key` on creating calls (draft-ietf-httpapi-idempotency-key-header-07): the same key with the same
//! request is answered what the first one was answered; nothing happens twice.
//!
//! Answers may show a new key's text once, so they are kept sealed, and only the API key that asked is answered again:
//! a replay passes by the scopes that the handler would check.
//!
//! Tool calls need none of this: the job itself has the key, in the transaction that makes it, so that a call which was
//! cut off half-way can be repeated at once.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::ports::storage::{Expired, StoredAnswer};
use domain::{KeyId, Principal, ProviderId, TenantId};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::Http;
use super::problem::Problem;

const HEADER: &str = "idempotency-key";
/// The longest key: a UUID and a prefix fit.
const MAX_KEY: usize = 128;
/// The largest answer that is kept; creating calls answer one row.
const MAX_ANSWER: usize = 1 << 20;
/// A request that is older than the longest time of a request, and this, was cut off: clocks of replicas differ a little.
const MARGIN: Duration = Duration::from_secs(5);

/// Runs the call once for each key. Calls without the header pass.
pub async fn once(State(http): State<Http>, request: Request, next: Next) -> Response {
    match answer(&http, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn answer(http: &Http, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(key) = key(request.headers())? else {
        return Ok(next.run(request).await);
    };
    let Some((tenant, caller)) = request
        .extensions()
        .get::<Principal>()
        .map(|principal| (principal.tenant_id, principal.key_id))
    else {
        return Ok(next.run(request).await);
    };
    let (request, fingerprint) = fingerprinted(http, request, caller).await?;
    let storage = &http.control.storage.idempotency;
    let now = http.control.clock.now();
    let before = |age: Duration| now - chrono::Duration::from_std(age).unwrap_or(chrono::Duration::days(1));
    let expired = Expired {
        answers: before(http.config.idempotency_ttl.get()),
        calls: before(http.config.request_timeout.get() + MARGIN),
    };
    let stored = storage.begin(tenant, &key, &fingerprint, now, expired).await;
    if let Some(stored) = stored.map_err(control::ControlError::from)? {
        return replay(http, tenant, &fingerprint, stored);
    }
    let response = next.run(request).await;
    finish(http, tenant, &key, response).await
}

/// The caller's key, if there is one.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(HEADER) else {
        return Ok(None);
    };
    let text = key.to_str().ok();
    let fits = text.filter(|key| (1..=MAX_KEY).contains(&key.len()) && !key.contains('\t'));
    let expected = || format!("1 to {MAX_KEY} visible characters");
    let unfit = || Problem::field(StatusCode::BAD_REQUEST, "Idempotency-Key", expected());
    fits.map(|key| Some(key.to_owned())).ok_or_else(unfit)
}

/// Says that this was answered before.
pub fn mark_replayed(response: &mut Response) {
    response
        .headers_mut()
        .insert("idempotency-replayed", HeaderValue::from_static("true"));
}

/// Reads the body once, for the hash of who asks for what, and for the handler.
async fn fingerprinted(http: &Http, request: Request, caller: KeyId) -> Result<(Request, String), Problem> {
    let (parts, body) = request.into_parts();
    let too_large = |_| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is larger than `http.body_limit`",
        )
    };
    let bytes = to_bytes(body, http.config.body_limit.as_len())
        .await
        .map_err(too_large)?;
    let mut hash = Sha256::new();
    for part in [
        caller.to_string().as_bytes(),
        parts.method.as_str().as_bytes(),
        parts.uri.to_string().as_bytes(),
        &bytes,
    ] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    Ok((
        Request::from_parts(parts, Body::from(bytes)),
        hex::encode(hash.finalize()),
    ))
}

fn replay(
    http: &Http,
    tenant: TenantId,
    fingerprint: &str,
    stored: StoredAnswer,
) -> Result<Response, Problem> {
    if stored.fingerprint != fingerprint {
        let expected = "a key that was not used for another request";
        return Err(Problem::field(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Idempotency-Key",
            expected,
        ));
    }
    let Some(status) = stored.status.and_then(|status| StatusCode::from_u16(status).ok()) else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "the first request with this key is still running",
        ));
    };
    let broken = |error: String| Problem::from(control::ControlError::internal(error));
    let sealed = serde_json::from_slice(&stored.body).map_err(|error| broken(error.to_string()))?;
    let opened = http
        .control
        .vault
        .open(tenant, no_provider(), &sealed)
        .map_err(|error| broken(error.to_string()))?;
    let (location, body) = unpacked(&opened);
    let mut response = (status, body.to_vec()).into_response();
    if let Ok(location) = HeaderValue::from_bytes(location)
        && !location.is_empty()
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    mark_replayed(&mut response);
    Ok(response)
}

/// Keeps a success for the next time; anything else frees the key, since nothing was done.
async fn finish(http: &Http, tenant: TenantId, key: &str, response: Response) -> Result<Response, Problem> {
    let storage = &http.control.storage.idempotency;
    if !response.status().is_success() {
        if let Err(error) = storage.abandon(tenant, key).await {
            tracing::warn!(%error, "an idempotency key could not be freed; it expires by itself");
        }
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let internal = |error: String| Problem::from(control::ControlError::internal(error));
    let bytes = to_bytes(body, MAX_ANSWER)
        .await
        .map_err(|error| internal(error.to_string()))?;
    let sealed = http
        .control
        .vault
        .seal(tenant, no_provider(), &packed(&parts.headers, &bytes))
        .map_err(|error| internal(error.to_string()))?;
    let kept = serde_json::to_vec(&sealed).map_err(|error| internal(error.to_string()))?;
    if let Err(error) = storage.finish(tenant, key, parts.status.as_u16(), &kept).await {
        tracing::warn!(%error, "an answer could not be kept for its idempotency key");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// What is kept of an answer: where it points to, a line feed, which no header holds, and the body.
fn packed(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let location = headers
        .get(header::LOCATION)
        .map_or(&b""[..], HeaderValue::as_bytes);
    [location, b"\n", body].concat()
}

fn unpacked(kept: &[u8]) -> (&[u8], &[u8]) {
    let end = kept.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    (&kept[..end], kept.get(end + 1..).unwrap_or_default())
}

/// Answers belong to no provider; the vault binds them to the tenant all the same.
fn no_provider() -> ProviderId {
    ProviderId(uuid::Uuid::nil())
}
