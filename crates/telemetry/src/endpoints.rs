//! The endpoints of every service (contract, section 6).

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::AdminAccess;
use crate::clock;
use crate::telemetry::Telemetry;

mod page;

#[derive(Clone)]
struct Endpoints {
    telemetry: Telemetry,
    admin: AdminAccess,
}

impl Telemetry {
    /// `/metrics /health /health/live /health/ready /health/startup /version /admin/log-level`.
    pub fn router(&self, admin: AdminAccess) -> Router {
        Router::new()
            .route("/metrics", get(page::metrics))
            .route("/health", get(live))
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/health/startup", get(startup))
            .route("/version", get(version))
            .route("/admin/log-level", get(log_level).put(set_log_level))
            .with_state(Endpoints {
                telemetry: self.clone(),
                admin,
            })
    }
}

async fn live() -> Json<Value> {
    Json(json!({ "status": "alive", "timestamp": clock::rfc3339(clock::now()) }))
}

async fn ready(State(endpoints): State<Endpoints>) -> Response {
    let readiness = endpoints.telemetry.health().readiness().await;
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

async fn startup(State(endpoints): State<Endpoints>) -> Response {
    let waiting = endpoints.telemetry.health().closed_latches();
    let (status, word) = match waiting.is_empty() {
        true => (StatusCode::OK, "started"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
    };
    let body = json!({ "status": word, "timestamp": clock::rfc3339(clock::now()), "waiting_for": waiting });
    (status, Json(body)).into_response()
}

async fn version(State(endpoints): State<Endpoints>) -> Json<Value> {
    let info = endpoints.telemetry.info();
    Json(json!({
        "service": info.name,
        "version": info.version,
        "revision": info.revision,
        "rustc": info.rustc,
        "environment": info.environment,
    }))
}

async fn log_level(State(endpoints): State<Endpoints>, headers: HeaderMap) -> Response {
    match endpoints.admin.check(&headers) {
        Ok(()) => Json(json!({ "level": endpoints.telemetry.log_levels().current() })).into_response(),
        Err(status) => refused(status),
    }
}

/// `{"level": "debug"}`, `{"level": "debug", "module": "rest_api::jobs"}`, either with `"for_seconds": 60`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelChange {
    level: String,
    module: Option<String>,
    for_seconds: Option<u32>,
}

/// The body is read by hand: nobody without the token learns what it should look like.
async fn set_log_level(State(endpoints): State<Endpoints>, headers: HeaderMap, body: String) -> Response {
    if let Err(status) = endpoints.admin.check(&headers) {
        return refused(status);
    }
    let changed = match serde_json::from_str::<LevelChange>(&body) {
        Ok(change) => apply(&endpoints.telemetry, &change),
        Err(error) => Err(error.to_string()),
    };
    let level = endpoints.telemetry.log_levels().current();
    match changed {
        Ok(()) => {
            tracing::warn!(to = %level, "log level changed to {level}");
            Json(json!({ "level": level })).into_response()
        }
        Err(detail) => problem(StatusCode::BAD_REQUEST, &detail),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a timer whose loss at shutdown loses nothing"
)]
fn apply(telemetry: &Telemetry, change: &LevelChange) -> Result<(), String> {
    let levels = telemetry.log_levels();
    let module = change.module.as_deref();
    let result = match (change.for_seconds, module) {
        (Some(seconds), module) => {
            let time = Duration::from_secs(seconds.into());
            levels
                .set_for(module, &change.level, time)
                .map(|change| drop(tokio::spawn(change.wait())))
        }
        (None, Some(module)) => levels.set_module(module, &change.level),
        (None, None) => levels.set(&change.level),
    };
    result.map_err(|error| error.to_string())
}

fn refused(status: StatusCode) -> Response {
    let detail = match status {
        StatusCode::FORBIDDEN => "no admin token is configured, so the admin endpoints are closed",
        _ => "the admin token is needed: Authorization: Bearer …",
    };
    let mut response = problem(status, detail);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            header::HeaderValue::from_static("Bearer"),
        );
    }
    response
}

/// RFC 9457.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
        "trace_id": crate::propagation::current_trace_id(),
        "request_id": crate::propagation::current_request_id(),
    });
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}
