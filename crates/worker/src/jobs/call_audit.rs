//! The audit record of a call that a job made.

use std::time::Duration;

use domain::job::{AttemptEnd, JobError};
use domain::{CallErrorKind, CallOutcome, JobId, Provider, RecordId, Tool};
use proto::v1::AuditRecord;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Kinds, Run};

/// What a job called, and what came of it.
pub(super) struct Audited<'a> {
    pub(super) action: String,
    /// The job that the call is about.
    pub(super) job: JobId,
    pub(super) tool: &'a Tool,
    pub(super) provider: &'a Provider,
    pub(super) arguments: &'a Value,
    pub(super) outcome: &'a CallOutcome,
    pub(super) took: Duration,
}

/// Whether a call may be made: what cannot be recorded is not done.
pub(super) fn admit(kinds: &Kinds) -> Result<(), Box<AttemptEnd>> {
    kinds.spool.admit().map_err(|why| {
        tracing::warn!(error = why, "call_refused_without_audit");
        let message = "the worker cannot record this call in its audit log now, so it did not make it";
        let error = JobError::new(CallErrorKind::Unavailable.as_str(), message);
        Box::new(AttemptEnd::Retry(error))
    })
}

pub(super) fn audit(run: &Run<'_>, call: Audited<'_>) -> AuditRecord {
    let arguments = call.arguments.to_string();
    let kind = call.outcome.error;
    AuditRecord {
        id: RecordId::generate().to_string(),
        at_ms: run.clock.now().timestamp_millis(),
        tenant_id: run.job.tenant_id.to_string(),
        key_id: run
            .job
            .requested_by
            .map(|key| key.to_string())
            .unwrap_or_default(),
        service: "worker".to_owned(),
        action: call.action,
        tool: call.tool.name.clone(),
        provider: call.provider.name.clone(),
        outcome: kind.map_or("ok", CallErrorKind::as_str).to_owned(),
        status: u32::from(kind.map_or(200, CallErrorKind::status)),
        duration_ms: u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
        request_bytes: arguments.len() as u64,
        response_bytes: call.outcome.response_bytes,
        arguments_sha256: hex::encode(Sha256::digest(arguments.as_bytes())),
        trace_id: telemetry::propagation::current_trace_id().unwrap_or_default(),
        request_id: telemetry::propagation::current_request_id().unwrap_or_default(),
        job_id: call.job.to_string(),
    }
}
