//! The HTTP door: parse, authenticate, call one verb of [`control`], answer.

pub mod answer;
pub mod attempts;
pub mod authenticate;
pub mod idempotency;
pub mod problem;
pub mod request;
pub mod routes;

mod query;
mod shape;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use cache::Limiter;
use control::Control;
use domain::limit::Defaults;
use domain::ports::Queue;
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::OpenApi;

use crate::config::HttpConfig;
use crate::mesh::Mesh;
use crate::metrics::{AlertMetrics, AuthMetrics, JobMetrics};
use attempts::Attempts;

/// What every handler can reach.
#[derive(Clone)]
pub struct Http {
    /// The verbs.
    pub control: Control,
    /// The verbs of agents and tasks, with what follows from them.
    pub mesh: Mesh,
    /// The broker, for its dead letters.
    pub queue: Arc<dyn Queue>,
    /// How often callers may call.
    pub limiter: Arc<Limiter>,
    /// How often passwords may be tried.
    pub attempts: Arc<Attempts>,
    /// How often those may call who have no limit of their own.
    pub default_limits: Defaults,
    /// What is counted of jobs.
    pub jobs: JobMetrics,
    /// What is counted of alerts.
    pub alerts: AlertMetrics,
    /// What authentication counts.
    pub auth: AuthMetrics,
    /// Streams of events.
    pub streams: routes::events::Streams,
    /// The last traces, where this process keeps them.
    pub traces: Option<telemetry::ring::TraceRing>,
    /// Bounds.
    pub config: HttpConfig,
}

/// The router of `/api/v1` and `/openapi.json`, and the description that is generated from it.
pub fn router(http: Http) -> (Router, OpenApi) {
    let (routes, description) = routes::all(http.clone()).split_for_parts();
    let text = description.to_json().unwrap_or_default();
    let document =
        axum::routing::get(move || async move { ([(http::header::CONTENT_TYPE, "application/json")], text) });
    let timeout = TimeoutLayer::with_status_code(
        http::StatusCode::GATEWAY_TIMEOUT,
        http.config.request_timeout.get(),
    );
    let router = routes
        .route("/openapi.json", document)
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(http.config.body_limit.as_len()))
        .layer(timeout)
        .layer(middleware::from_fn(problem::render))
        .with_state(http);
    (router, description)
}

/// The description alone, for the committed copy.
pub fn description() -> OpenApi {
    routes::described()
}
