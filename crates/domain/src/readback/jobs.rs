//! The job that runs a read-back check, and what its end means for the write.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Doubt, Readback, Verdict};
use crate::id::JobId;
use crate::job::{Effect, Job, JobKind, JobState, ToolCallPayload};

/// The payload of [`JobKind::ReadBack`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadBackPayload {
    /// The job in doubt.
    pub job_id: JobId,
    /// Since when it is, in milliseconds: a job that was run again since is another doubt.
    pub doubted_at_ms: i64,
    /// The tool that wrote.
    pub tool: String,
    /// The arguments of the write.
    pub arguments: Value,
    /// The check, as the tool declared it when the doubt came up.
    pub check: Readback,
}

impl ReadBackPayload {
    /// The write that it is about.
    #[must_use]
    pub fn doubt(&self) -> Doubt<'_> {
        Doubt {
            job: self.job_id,
            arguments: &self.arguments,
        }
    }
}

impl Job {
    /// The job that looks whether this write had its effect. None when this job is no tool call.
    #[must_use]
    pub fn read_back(&self, check: Readback, now: DateTime<Utc>) -> Option<Self> {
        let call: ToolCallPayload = serde_json::from_value(self.payload.clone()).ok()?;
        let delay = i64::try_from(check.delay_ms).unwrap_or(i64::MAX);
        let (run_at, max_attempts) = (now + Duration::milliseconds(delay), check.attempts.max(1));
        let payload = ReadBackPayload {
            job_id: self.id,
            doubted_at_ms: self.updated_at.timestamp_millis(),
            tool: call.tool,
            arguments: call.arguments,
            check,
        };
        Some(Self {
            id: JobId::generate(),
            tenant_id: self.tenant_id,
            kind: JobKind::ReadBack,
            payload: serde_json::to_value(payload).ok()?,
            effect: Effect::Read,
            priority: self.priority,
            state: JobState::Pending,
            attempt: 0,
            max_attempts,
            run_at,
            lease_owner: None,
            lease_until: None,
            effect_begun: false,
            result: None,
            error: None,
            trace: self.trace.clone(),
            idempotency_key: None,
            requested_by: self.requested_by,
            created_at: now,
            updated_at: now,
        })
    }

    /// What this read-back check found, once it has ended, and about which write.
    #[must_use]
    pub fn read_back_found(&self) -> Option<(ReadBackPayload, Verdict)> {
        if self.kind != JobKind::ReadBack {
            return None;
        }
        let verdict = match (self.state, &self.result, &self.error) {
            (JobState::Done, Some(result), _) => serde_json::from_value(result.clone()).ok()?,
            (JobState::Failed, _, Some(error)) => Verdict::Undecided(error.message.clone()),
            _ => return None,
        };
        Some((serde_json::from_value(self.payload.clone()).ok()?, verdict))
    }

    /// Whether this job is still in the doubt that a check was about.
    #[must_use]
    pub fn is_in_doubt_since(&self, doubted_at_ms: i64) -> bool {
        self.state == JobState::InDoubt && self.updated_at.timestamp_millis() == doubted_at_ms
    }
}
