//! A row of `audit_records`.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::{AuditRecord, JobId, KeyId, RecordId, TenantId};
use uuid::Uuid;

use crate::column::{signed, unsigned};

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
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub ended_at: DateTime<Utc>,
    pub key_id: Option<Uuid>,
    pub service: String,
    pub action: String,
    pub tool: Option<String>,
    pub provider: Option<String>,
    pub outcome: String,
    pub status: i64,
    pub duration_ms: i64,
    pub request_bytes: i64,
    pub response_bytes: i64,
    pub arguments_sha256: Option<String>,
    pub trace_id: Option<String>,
    pub request_id: Option<String>,
    pub job_id: Option<Uuid>,
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

impl From<&AuditRecord> for AuditRow {
    fn from(record: &AuditRecord) -> Self {
        let owned = |text: &str| storable(text).into_owned();
        let some = |text: &Option<String>| text.as_deref().map(owned);
        Self {
            id: record.id.0,
            tenant_id: record.tenant_id.0,
            ended_at: record.at,
            key_id: record.key_id.map(|id| id.0),
            service: owned(&record.service),
            action: owned(&record.action),
            tool: some(&record.tool),
            provider: some(&record.provider),
            outcome: owned(&record.outcome),
            status: i64::from(record.status),
            duration_ms: signed(record.duration_ms),
            request_bytes: signed(record.request_bytes),
            response_bytes: signed(record.response_bytes),
            arguments_sha256: some(&record.arguments_sha256),
            trace_id: some(&record.trace_id),
            request_id: some(&record.request_id),
            job_id: record.job_id.map(|id| id.0),
        }
    }
}

/// Refused calls are recorded with whatever name the caller made up, and Postgres keeps no U+0000 in text: one such
/// record must not hold up its whole batch.
pub fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}
