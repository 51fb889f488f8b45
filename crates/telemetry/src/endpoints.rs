//! The endpoints of every service (contract, section 6).

use std::sync::Arc;

use axum::extract::rejection::{QueryRejection, StringRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::AdminAccess;
use crate::clock;
use crate::fleet::Fleet;
use crate::logs::LevelChange;
use crate::telemetry::Telemetry;

mod page;

#[derive(Clone)]
struct Endpoints {
    telemetry: Telemetry,
    admin: AdminAccess,
    fleet: Option<Arc<dyn Fleet>>,
}

impl Telemetry {
    /// `/metrics /health /health/live /health/ready /health/startup /version`, and [`Self::admin_router`].
    pub fn router(&self, admin: AdminAccess) -> Router {
        self.public_router().merge(self.admin_router(admin, None))
    }

    /// `/metrics /health /health/live /health/ready /health/startup /version`.
    pub fn public_router(&self) -> Router {
        Router::new()
            .route("/metrics", get(page::metrics))
            .route("/health", get(live))
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/health/startup", get(startup))
            .route("/version", get(version))
            .with_state(self.endpoints(AdminAccess::closed(), None))
    }

    /// `/admin/log-level`, which may be served at another address than the rest; with `?all=true` for those whom `fleet`
    /// reaches.
    pub fn admin_router(&self, admin: AdminAccess, fleet: Option<Arc<dyn Fleet>>) -> Router {
        Router::new()
            .route("/admin/log-level", get(log_level).put(set_log_level))
            .with_state(self.endpoints(admin, fleet))
    }

    fn endpoints(&self, admin: AdminAccess, fleet: Option<Arc<dyn Fleet>>) -> Endpoints {
        let telemetry = self.clone();
        Endpoints {
            telemetry,
            admin,
            fleet,
        }
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

async fn log_level(
    State(endpoints): State<Endpoints>,
    headers: HeaderMap,
    whom: Result<Query<Whom>, QueryRejection>,
) -> Response {
    if let Err(refused) = endpoints.admin.admit(&headers) {
        return *refused;
    }
    let Query(whom) = match whom {
        Ok(whom) => whom,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    if whom.all {
        return endpoints.everyone(None).await;
    }
    Json(json!({ "level": endpoints.telemetry.log_levels().current() })).into_response()
}

/// `?all=true`: every replica of every service.
#[derive(Deserialize)]
struct Whom {
    #[serde(default)]
    all: bool,
}

/// Query and body are looked at by hand: nobody without the token learns what they should look like.
async fn set_log_level(
    State(endpoints): State<Endpoints>,
    headers: HeaderMap,
    whom: Result<Query<Whom>, QueryRejection>,
    body: Result<String, StringRejection>,
) -> Response {
    if let Err(refused) = endpoints.admin.admit(&headers) {
        return *refused;
    }
    let (Query(whom), body) = match (whom, body) {
        (Ok(whom), Ok(body)) => (whom, body),
        (Err(error), _) => return problem(StatusCode::BAD_REQUEST, &error.body_text()),
        (_, Err(error)) => return problem(error.status(), &error.body_text()),
    };
    let change = match serde_json::from_str::<LevelChange>(&body) {
        Ok(change) => change,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if whom.all {
        return endpoints.everyone(Some(change)).await;
    }
    match endpoints.telemetry.change_log_level(&change) {
        Ok(level) => Json(json!({ "level": level })).into_response(),
        Err(detail) => problem(StatusCode::BAD_REQUEST, &detail),
    }
}

impl Endpoints {
    async fn everyone(&self, change: Option<LevelChange>) -> Response {
        let Some(fleet) = &self.fleet else {
            let detail = "all: this service knows only itself; rest-api reaches every replica";
            return problem(StatusCode::BAD_REQUEST, detail);
        };
        // What one refuses all would refuse.
        let levels = self.telemetry.log_levels();
        if let Some(Err(detail)) = change.as_ref().map(|change| change.check(levels)) {
            return problem(StatusCode::BAD_REQUEST, &detail);
        }
        Json(fleet.log_level(change).await).into_response()
    }
}

pub(crate) fn refused(status: StatusCode) -> Response {
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

/// An error as RFC 9457 has it, with the ids that lead to the log.
#[must_use]
pub fn problem(status: StatusCode, detail: &str) -> Response {
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
