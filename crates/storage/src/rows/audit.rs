//! A row of `audit_records`.

use chrono::{DateTime, Utc};
use domain::{AuditRecord, JobId, KeyId, RecordId, TenantId};
use uuid::Uuid;

use crate::column::unsigned;

macro_rules! audit_columns {
    () => {
        "id, tenant_id, ended_at, key_id, service, action, tool, provider, outcome, status, duration_ms, \
         request_bytes, response_bytes, arguments_sha256, trace_id, request_id, job_id"
    };
}
pub(crate) use audit_columns;

/// A row of `audit_records`.
#[derive(sqlx::FromRow)]
pub struct AuditRow {
    id: Uuid,
    tenant_id: Uuid,
    ended_at: DateTime<Utc>,
    key_id: Option<Uuid>,
    service: String,
    action: String,
    tool: Option<String>,
    provider: Option<String>,
    outcome: String,
    status: i64,
    duration_ms: i64,
    request_bytes: i64,
    response_bytes: i64,
    arguments_sha256: Option<String>,
    trace_id: Option<String>,
    request_id: Option<String>,
    job_id: Option<Uuid>,
}

impl From<AuditRow> for AuditRecord {
    fn from(row: AuditRow) -> Self {
        Self {
            id: RecordId(row.id),
            at: row.ended_at,
            tenant_id: TenantId(row.tenant_id),
            key_id: row.key_id.map(KeyId),
            service: row.service,
            action: row.action,
            tool: row.tool,
            provider: row.provider,
            outcome: row.outcome,
            status: u16::try_from(row.status).unwrap_or(0),
            duration_ms: unsigned(row.duration_ms),
            request_bytes: unsigned(row.request_bytes),
            response_bytes: unsigned(row.response_bytes),
            arguments_sha256: row.arguments_sha256,
            trace_id: row.trace_id,
            request_id: row.request_id,
            job_id: row.job_id.map(JobId),
        }
    }
}
