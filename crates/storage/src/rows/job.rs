//! Rows of `jobs` and `outbox`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::job::JobError;
use domain::ports::storage::OutboxEntry;
use domain::{Effect, Job, JobId, JobKind, JobState, KeyId, Priority, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::column::{Document, Word};

macro_rules! job_columns {
    () => {
        "id, tenant_id, kind, payload, effect, priority, state, attempt, max_attempts, run_at, lease_owner, \
         lease_until, effect_begun, result, error, trace, idempotency_key, requested_by, created_at, updated_at, \
         ended_by"
    };
}
pub(crate) use job_columns;

/// A row of `jobs`.
#[derive(sqlx::FromRow)]
pub struct JobRow {
    id: Uuid,
    tenant_id: Uuid,
    kind: Word<JobKind>,
    payload: Document<Value>,
    effect: Word<Effect>,
    priority: Word<Priority>,
    state: Word<JobState>,
    attempt: i64,
    max_attempts: i64,
    run_at: DateTime<Utc>,
    lease_owner: Option<String>,
    lease_until: Option<DateTime<Utc>>,
    effect_begun: bool,
    result: Option<Document<Value>>,
    error: Option<Document<JobError>>,
    trace: Document<BTreeMap<String, String>>,
    idempotency_key: Option<String>,
    requested_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    ended_by: Option<String>,
}

impl JobRow {
    /// Its identifier.
    pub fn id(&self) -> Uuid {
        self.id
    }
}

/// A job with what only storage knows about it.
pub struct StoredJob {
    /// The job.
    pub job: Job,
    /// Who ended its last attempt.
    pub ended_by: Option<String>,
}

impl From<JobRow> for StoredJob {
    fn from(row: JobRow) -> Self {
        let ended_by = row.ended_by.clone();
        Self {
            job: row.into(),
            ended_by,
        }
    }
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self {
            id: JobId(row.id),
            tenant_id: TenantId(row.tenant_id),
            kind: row.kind.0,
            payload: row.payload.0,
            effect: row.effect.0,
            priority: row.priority.0,
            state: row.state.0,
            attempt: attempt(row.attempt),
            max_attempts: attempt(row.max_attempts),
            run_at: row.run_at,
            lease_owner: row.lease_owner,
            lease_until: row.lease_until,
            effect_begun: row.effect_begun,
            result: row.result.map(|document| document.0),
            error: row.error.map(|document| document.0),
            trace: row.trace.0,
            idempotency_key: row.idempotency_key,
            requested_by: row.requested_by.map(KeyId),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

macro_rules! outbox_columns {
    () => {
        "id, tenant_id, job_id, kind, attempt, priority, trace"
    };
}
pub(crate) use outbox_columns;

/// A row of `outbox`.
#[derive(sqlx::FromRow)]
pub struct OutboxRow {
    id: i64,
    tenant_id: Uuid,
    job_id: Uuid,
    kind: Word<JobKind>,
    attempt: i64,
    priority: Word<Priority>,
    trace: Document<BTreeMap<String, String>>,
}

impl From<OutboxRow> for OutboxEntry {
    fn from(row: OutboxRow) -> Self {
        Self {
            id: row.id,
            tenant_id: TenantId(row.tenant_id),
            job_id: JobId(row.job_id),
            kind: row.kind.0,
            attempt: attempt(row.attempt),
            priority: row.priority.0,
            trace: row.trace.0,
        }
    }
}

fn attempt(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
