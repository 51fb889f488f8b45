//! The last traces of this process, in the shape of Jaeger's query API, where it keeps them (`devmesh up` does).

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use control::require;
use domain::Scope;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use telemetry::ring::{KeptTrace, RingFill, RingFilter, TraceRing};
use utoipa::{IntoParams, ToSchema};

use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{Path, Query};

/// Most traces of one answer.
const MOST: usize = 1_000;

/// Traces.
#[derive(Serialize, ToSchema)]
pub struct TracesView {
    /// Each as Jaeger's query API shows it: `traceID`, `spans`, `processes`.
    #[schema(value_type = Vec<Object>)]
    pub data: Vec<KeptTrace>,
    /// How many they are.
    pub total: usize,
    /// How full the memory for traces is.
    #[schema(value_type = Object)]
    pub kept: RingFill,
}

/// Which traces.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TraceQuery {
    /// Only those in which a request with this `X-Request-ID` occurs.
    request_id: Option<String>,
    /// Only those that began at or after this instant.
    since: Option<DateTime<Utc>>,
    /// At most this many, newest first; 1 to 1000.
    #[serde(default = "usual")]
    #[param(minimum = 1, maximum = 1000, default = 20)]
    limit: usize,
}

fn usual() -> usize {
    20
}

/// The last traces with calls of the tenant, newest first. Only `devmesh up` keeps them; elsewhere ask the trace back end.
#[utoipa::path(get, path = "/api/v1/traces", operation_id = "list_traces", tag = "audit", params(TraceQuery),
    responses((status = 200, description = "The traces", body = TracesView), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(which): Query<TraceQuery>,
) -> Result<Json<TracesView>, Problem> {
    require(&caller, Scope::AuditRead)?;
    if !(1..=MOST).contains(&which.limit) {
        return Err(Problem::field(StatusCode::BAD_REQUEST, "limit", "1 to 1000"));
    }
    let ring = ring(&http)?;
    let found = ring.find(&RingFilter {
        tenant: caller.tenant_id.to_string(),
        request_id: which.request_id,
        since: which.since.map(Into::into),
        limit: which.limit,
    });
    Ok(view(ring, found))
}

/// One of the last traces.
#[utoipa::path(get, path = "/api/v1/traces/{id}", operation_id = "get_trace", tag = "audit",
    params(("id" = String, Path, description = "The trace id, 32 hexadecimal digits")),
    responses((status = 200, description = "The trace", body = TracesView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<String>,
) -> Result<Json<TracesView>, Problem> {
    require(&caller, Scope::AuditRead)?;
    let ring = ring(&http)?;
    let found = ring.trace(&caller.tenant_id.to_string(), &id);
    let found = found.ok_or(control::ControlError::NotFound)?;
    Ok(view(ring, vec![found]))
}

fn ring(http: &Http) -> Result<&TraceRing, Problem> {
    http.traces.as_ref().ok_or_else(|| {
        let detail = "this rest-api keeps no traces: ask the back end that spans are exported to";
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}

fn view(ring: &TraceRing, data: Vec<KeptTrace>) -> Json<TracesView> {
    Json(TracesView {
        total: data.len(),
        data,
        kept: ring.fill(),
    })
}
