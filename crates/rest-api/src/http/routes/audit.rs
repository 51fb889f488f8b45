//! Audit records: who called what.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ports::storage::AuditFilter;
use domain::{AuditRecord, JobId, KeyId, RecordId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{PageQuery, Query};

/// One call. Arguments appear only as a hash.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: RecordId,
    /// When the call ended.
    pub at: DateTime<Utc>,
    /// The key that was used.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub key_id: Option<KeyId>,
    /// The service that ran the call.
    pub service: String,
    /// What was done.
    pub action: String,
    /// The tool.
    pub tool: Option<String>,
    /// Its provider.
    pub provider: Option<String>,
    /// `ok` or the kind of the error.
    pub outcome: String,
    /// The status code that metrics show for it.
    pub status: u16,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Bytes of the arguments.
    pub request_bytes: u64,
    /// Bytes of the answer.
    pub response_bytes: u64,
    /// SHA-256 of the arguments.
    pub arguments_sha256: Option<String>,
    /// The trace.
    pub trace_id: Option<String>,
    /// The request id.
    pub request_id: Option<String>,
    /// The job.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub job_id: Option<JobId>,
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        Self {
            id: record.id,
            at: record.at,
            key_id: record.key_id,
            service: record.service,
            action: record.action,
            tool: record.tool,
            provider: record.provider,
            outcome: record.outcome,
            status: record.status,
            duration_ms: record.duration_ms,
            request_bytes: record.request_bytes,
            response_bytes: record.response_bytes,
            arguments_sha256: record.arguments_sha256,
            trace_id: record.trace_id,
            request_id: record.request_id,
            job_id: record.job_id,
        }
    }
}

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only of this tool.
    tool: Option<String>,
    /// Only of this key.
    #[param(value_type = Option<uuid::Uuid>)]
    key_id: Option<KeyId>,
    /// Only with this outcome: `ok` or the kind of an error.
    outcome: Option<String>,
    /// Only of this trace.
    trace_id: Option<String>,
    /// Only at or after this instant.
    since: Option<DateTime<Utc>>,
}

/// The tenant's audit records, newest first.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "list_audit_records", tag = "audit",
    params(AuditQuery, PageQuery),
    responses((status = 200, description = "A page of records", body = PageView<AuditView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(which): Query<AuditQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<AuditView>>, Problem> {
    let filter = AuditFilter {
        tool: which.tool,
        key_id: which.key_id,
        outcome: which.outcome,
        trace_id: which.trace_id,
        since: which.since,
    };
    Ok(PageView::of(
        http.control.list_audit(&caller, &filter, page.page()?).await?,
        Into::into,
    ))
}
