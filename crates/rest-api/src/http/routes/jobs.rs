//! Jobs: background work and its results.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::job::Resolution;
use domain::ports::storage::JobFilter;
use domain::{Job, JobId, JobKind, JobState, KeyId, Priority};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::keys::mirrored;
use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query, WaitQuery};

mirrored! {
    /// What a job does.
    KindName of JobKind {
        ToolCall = "tool_call",
        ProviderImport = "provider_import",
        ProviderRefresh = "provider_refresh",
        ProviderHealth = "provider_health",
        ReadBack = "read_back",
        Notification = "notification",
    }
}

mirrored! {
    /// Where a job stands.
    StateName of JobState {
        Pending = "pending",
        Running = "running",
        Done = "done",
        Failed = "failed",
        InDoubt = "in_doubt",
    }
}

mirrored! {
    /// A job's class.
    PriorityName of Priority {
        Low = "low",
        Normal = "normal",
        High = "high",
        Critical = "critical",
    }
}

mirrored! {
    /// How a job in doubt is closed: the effect is there, it is not there, or the job is to run again.
    ResolutionName of Resolution {
        Done = "done",
        Failed = "failed",
        Rerun = "rerun",
    }
}

/// A job. Its payload is not shown: it may hold a description of many megabytes, or a sealed credential.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: JobId,
    /// What it does.
    pub kind: KindName,
    /// What it is about: the tool or the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where it stands.
    pub state: StateName,
    /// Its class.
    pub priority: PriorityName,
    /// Number of the current attempt; 0 before the first.
    pub attempt: u32,
    /// How often it may be tried.
    pub max_attempts: u32,
    /// Not before this instant.
    pub run_at: DateTime<Utc>,
    /// The result of a job that is done; for a tool call its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// Why it failed or is in doubt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobErrorView>,
    /// The key that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub requested_by: Option<KeyId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
}

/// Why a job failed or is in doubt.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobErrorView {
    /// One of a closed set of words.
    pub kind: String,
    /// For a person.
    pub message: String,
    /// Details, for example the faults of a description.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let word = |key| job.payload.get(key).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: job.id,
            kind: job.kind.into(),
            subject: word("tool")
                .or_else(|| word("name"))
                .or_else(|| word("provider_id")),
            state: job.state.into(),
            priority: job.priority.into(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            run_at: job.run_at,
            result: job.result,
            error: job.error.map(|error| JobErrorView {
                kind: error.kind,
                message: error.message,
                details: error.details,
            }),
            requested_by: job.requested_by,
            created_at: job.created_at,
            updated_at: job.updated_at,
        }
    }
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Only in this state.
    state: Option<StateName>,
    /// Only of this kind.
    kind: Option<KindName>,
}

/// The tenant's jobs, newest first.
#[utoipa::path(get, path = "/api/v1/jobs", operation_id = "list_jobs", tag = "jobs", params(JobQuery, PageQuery),
    responses((status = 200, description = "A page of jobs", body = PageView<JobView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(which): Query<JobQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<JobView>>, Problem> {
    let filter = JobFilter {
        state: which.state.map(Into::into),
        kind: which.kind.map(Into::into),
    };
    Ok(PageView::of(
        http.control.list_jobs(&caller, filter, page.page()?).await?,
        Into::into,
    ))
}

/// One job; waits for a final state when asked to.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", operation_id = "get_job", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job"), WaitQuery),
    responses((status = 200, description = "The job", body = JobView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<JobId>,
    Query(wait): Query<WaitQuery>,
) -> Result<Json<JobView>, Problem> {
    let job = http.control.get_job(&caller, id, wait.wait()?).await?;
    Ok(Json(job.into()))
}

/// Cancels a job that has not begun.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", operation_id = "cancel_job", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job")),
    responses((status = 200, description = "The job", body = JobView), Problems))]
pub async fn cancel(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(http.control.cancel_job(&caller, id).await?.into()))
}

/// Runs a failed job again.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", operation_id = "retry_job", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job")),
    responses((status = 200, description = "The job", body = JobView), Problems))]
pub async fn retry(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(http.control.retry_job(&caller, id).await?.into()))
}

/// How a job in doubt is closed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// How.
    #[serde(rename = "as")]
    pub how: ResolutionName,
}

/// Closes a job in doubt.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/resolve", operation_id = "resolve_job", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job")), request_body = ResolveRequest,
    responses((status = 200, description = "The job", body = JobView), Problems))]
pub async fn resolve(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<JobId>,
    JsonBody(body): JsonBody<ResolveRequest>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(
        http.control
            .resolve_job(&caller, id, body.how.into())
            .await?
            .into(),
    ))
}
