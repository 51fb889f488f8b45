//! Jobs: made here, watched and closed by people, run by workers.

mod attempts;
mod import;
mod people;
mod together;

use std::collections::BTreeMap;

use domain::{Effect, Job, JobId, JobKind, JobState, KeyId, Priority, TenantId};
use serde_json::Value;

pub use people::{MAX_WAIT, wait};

use crate::Control;

/// How often a job may be claimed. With the back-off between them the last try comes after about two minutes.
pub const MAX_ATTEMPTS: u32 = 8;

/// What a new job should be.
pub(crate) struct NewJob {
    pub tenant_id: TenantId,
    pub kind: JobKind,
    pub payload: Value,
    pub effect: Effect,
    pub priority: Priority,
    pub idempotency_key: Option<String>,
    pub requested_by: Option<KeyId>,
    pub trace: BTreeMap<String, String>,
}

impl Control {
    /// A job that may run at once. Nothing is saved yet.
    pub(crate) fn new_job(&self, new: NewJob) -> Job {
        let now = self.now();
        Job {
            id: JobId::generate(),
            tenant_id: new.tenant_id,
            kind: new.kind,
            payload: new.payload,
            effect: new.effect,
            priority: new.priority,
            state: JobState::Pending,
            attempt: 0,
            max_attempts: MAX_ATTEMPTS,
            run_at: now,
            lease_owner: None,
            lease_until: None,
            effect_begun: false,
            result: None,
            error: None,
            trace: new.trace,
            idempotency_key: new.idempotency_key,
            requested_by: new.requested_by,
            created_at: now,
            updated_at: now,
        }
    }
}
