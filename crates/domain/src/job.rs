//! Background jobs: their states, who may move them, and what a cut-off write becomes.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::credential::SealedCredential;
use crate::id::{JobId, KeyId, ProviderId, TenantId};
use crate::ports::storage::ToolDiff;
use crate::provider::{AuthScheme, CallLimits, DescriptionSource, ProviderKind, Selection, Skipped};

/// What a job does. Each kind is a file in `worker/src/jobs/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Runs a tool call. Payload: [`ToolCallPayload`].
    ToolCall,
    /// Reads a new provider's description and stores it with its tools. Payload: [`ImportPayload`].
    ProviderImport,
    /// Reads a stored provider's description again. Payload: [`ProviderPayload`].
    ProviderRefresh,
    /// Asks a provider whether it answers. Payload: [`ProviderPayload`].
    ProviderHealth,
    /// Looks whether a write that was cut off had its effect. Payload: [`crate::readback::ReadBackPayload`].
    ReadBack,
    /// Tells somebody of an assignment. Payload: [`crate::assignment::NotificationPayload`].
    Notification,
}

impl JobKind {
    /// Every kind, in order.
    pub const ALL: [Self; 6] = [
        Self::ToolCall,
        Self::ProviderImport,
        Self::ProviderRefresh,
        Self::ProviderHealth,
        Self::ReadBack,
        Self::Notification,
    ];

    /// The text form and the `job_type` label, for example `tool_call`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToolCall => "tool_call",
            Self::ProviderImport => "provider_import",
            Self::ProviderRefresh => "provider_refresh",
            Self::ProviderHealth => "provider_health",
            Self::ReadBack => "read_back",
            Self::Notification => "notification",
        }
    }
}

/// The payload of [`JobKind::ToolCall`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCallPayload {
    /// The tool's name in the job's tenant.
    pub tool: String,
    /// The arguments, already validated against the tool's input schema.
    pub arguments: Value,
}

/// The payload of [`JobKind::ProviderImport`]: a provider that is not stored yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportPayload {
    /// The identifier that it will have.
    pub provider_id: ProviderId,
    /// Its name.
    pub name: String,
    /// What stands behind it.
    pub kind: ProviderKind,
    /// Where the description comes from.
    pub source: DescriptionSource,
    /// Where calls go, when the description's own servers are not to be used.
    pub base_url: Option<String>,
    /// How calls are authenticated.
    pub auth: AuthScheme,
    /// Which operations become tools.
    pub selection: Selection,
    /// Private hosts that it may reach.
    pub allowed_hosts: Vec<String>,
    /// Bounds of its calls.
    pub limits: CallLimits,
    /// The credential, sealed for this tenant and provider.
    pub credential: Option<SealedCredential>,
}

/// The payload of [`JobKind::ProviderRefresh`] and [`JobKind::ProviderHealth`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderPayload {
    /// The provider.
    pub provider_id: ProviderId,
}

/// The result of an import or a refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportResult {
    /// The provider.
    pub provider_id: ProviderId,
    /// How many tools it has now.
    pub tools: usize,
    /// Operations that are no tools.
    pub skipped: Vec<Skipped>,
    /// What differs from before, by tool name.
    pub diff: ToolDiff,
}

/// What running a job may do to the world; it decides whether a cut-off attempt may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing: repeated freely.
    Read,
    /// Repeating it changes nothing more: repeated freely.
    Idempotent,
    /// Has at most one effect: once it may have begun, it is never repeated by us.
    Write,
}

/// Priority classes, each with a queue of its own at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// When nothing else waits: schedules, clean-up.
    Low,
    /// The default.
    #[default]
    Normal,
    /// A person or an agent waits for it.
    High,
    /// An incident depends on it.
    Critical,
}

impl Priority {
    /// Every class, most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    /// The text form, for example `normal`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The states of a job.
///
/// ```text
/// pending ──claim──► running ──complete──► done | failed
///    ▲                  │ lease lost, effect not begun or repeatable, attempts left
///    └──────────────────┤
///                       └ lease lost in a write ► in_doubt ──resolve──► done | failed | pending (rerun)
/// failed ──retry──► pending
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its time, for the broker, or for a worker.
    Pending,
    /// A worker holds the lease.
    Running,
    /// It did what it was asked to do: exactly one effect.
    Done,
    /// It did not: no effect.
    Failed,
    /// It was cut off in a write: none or one effect; a person resolves it.
    InDoubt,
}

impl JobState {
    /// The text form, for example `in_doubt`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
        }
    }

    /// Whether nothing moves it any more without a person.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::InDoubt)
    }
}

/// One unit of background work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Identifier; consumers are idempotent by it.
    pub id: JobId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What it does.
    pub kind: JobKind,
    /// Its input.
    pub payload: Value,
    /// What running it may do to the world.
    pub effect: Effect,
    /// Its class.
    pub priority: Priority,
    /// Where it stands.
    pub state: JobState,
    /// Number of the current attempt, from 1; 0 before the first claim. It fences: a late worker's number is too low.
    pub attempt: u32,
    /// How often it may be claimed.
    pub max_attempts: u32,
    /// Not before this instant.
    pub run_at: DateTime<Utc>,
    /// Who runs it.
    pub lease_owner: Option<String>,
    /// Until when the lease holds.
    pub lease_until: Option<DateTime<Utc>>,
    /// Whether the running attempt may have had its effect already.
    pub effect_begun: bool,
    /// The result of a job that is done.
    pub result: Option<Value>,
    /// Why it failed or is in doubt.
    pub error: Option<JobError>,
    /// W3C trace context of whoever asked for it.
    pub trace: BTreeMap<String, String>,
    /// The caller's idempotency key: a second job with it in the same tenant is the first one.
    pub idempotency_key: Option<String>,
    /// The key that asked for it; none for schedules.
    pub requested_by: Option<KeyId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
}

/// Why a job failed, or why nobody knows whether it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// A closed set of words: those of [`crate::CallErrorKind`], and `attempts_exhausted`, `cut_off`, `cancelled`,
    /// `invalid_description`, `resolved_as_failed`, `restored`.
    pub kind: String,
    /// For a person.
    pub message: String,
    /// Details, for example the faults of a description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl JobError {
    /// An error without details.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            details: None,
        }
    }
}

/// Which attempt of which job, and who holds it: what fences a late worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The job's tenant.
    pub tenant_id: TenantId,
    /// The job.
    pub job_id: JobId,
    /// The attempt's number.
    pub number: u32,
    /// The worker's name; unique to the start of a process.
    pub owner: String,
}

/// What a worker says when an attempt ends.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptEnd {
    /// It did its work; here is the result.
    Done(Value),
    /// It had no effect and another try will not help.
    Failed(JobError),
    /// It had no effect; try again later.
    Retry(JobError),
    /// A write was cut off: none or one effect.
    InDoubt(JobError),
}

/// What became of a job whose attempt has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its state.
    pub state: JobState,
    /// Why it is not done.
    pub error: Option<JobError>,
}

/// What a job becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// A final state.
    Final(JobState, Result<Value, JobError>),
    /// Pending again, not before this instant.
    Again(DateTime<Utc>, JobError),
}

impl Job {
    /// What the job becomes when its current attempt ends so.
    #[must_use]
    pub fn after(&self, end: AttemptEnd, now: DateTime<Utc>) -> Next {
        match end {
            AttemptEnd::Done(result) => Next::Final(JobState::Done, Ok(result)),
            AttemptEnd::Failed(error) => Next::Final(JobState::Failed, Err(error)),
            AttemptEnd::InDoubt(error) => Next::Final(JobState::InDoubt, Err(error)),
            AttemptEnd::Retry(error) if self.attempt < self.max_attempts => {
                Next::Again(now + self.backoff(), error)
            }
            AttemptEnd::Retry(error) => Next::Final(
                JobState::Failed,
                Err(JobError::new(
                    "attempts_exhausted",
                    format!(
                        "gave up after {} attempts; the last one: {}",
                        self.attempt, error.message
                    ),
                )),
            ),
        }
    }

    /// What the job becomes when its worker was lost: the lease ran out and nobody said how it ended.
    #[must_use]
    pub fn after_lost_lease(&self, now: DateTime<Utc>) -> Next {
        if self.effect == Effect::Write && self.effect_begun {
            let message = "the worker was cut off while the write was under way: it had no effect or one";
            return Next::Final(JobState::InDoubt, Err(JobError::new("cut_off", message)));
        }
        self.after(
            AttemptEnd::Retry(JobError::new("cut_off", "the worker was lost")),
            now,
        )
    }

    /// Exponential back-off with jitter taken from the job's own id: 1 s, 2 s, 4 s … at most 5 minutes, ± 25 %.
    /// The id is random, so jobs that failed together do not come back together.
    #[must_use]
    pub fn backoff(&self) -> Duration {
        let exponent = self.attempt.saturating_sub(1).min(9);
        let base_ms = (1_000_i64 << exponent).min(300_000);
        let random = i64::from(self.id.0.as_bytes()[15]); // 0..=255
        Duration::milliseconds(base_ms * 3 / 4 + base_ms * random / 510)
    }
}

/// How a person closes a job in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The effect is there.
    Done,
    /// The effect is not there.
    Failed,
    /// Run it again: the person has made sure that this is right.
    Rerun,
}
