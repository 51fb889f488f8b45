//! Alerts as Alertmanager tells of them: when each fired, when it was resolved, and what a person made of it afterwards.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{AlertId, TenantId};

/// One time that an alert fired. Notifications that repeat it (`repeat_interval`, replicas of Alertmanager) are the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Identifier.
    pub id: AlertId,
    /// The tenant whose key Alertmanager uses.
    pub tenant_id: TenantId,
    /// Alertmanager's: the same for the same labels.
    pub fingerprint: String,
    /// The rule's name.
    pub alertname: String,
    /// `P0` to `P3`; empty without the label.
    pub priority: String,
    /// `critical`, `warning` or `info`; empty without the label.
    pub severity: String,
    /// Who looks after it; empty without the label.
    pub team: String,
    /// What it says.
    pub summary: String,
    /// Where it is said what to do.
    pub runbook_url: String,
    /// When it fired.
    pub started_at: DateTime<Utc>,
    /// When it was resolved.
    pub ended_at: Option<DateTime<Utc>>,
    /// What a person made of it.
    pub review: Option<Review>,
}

impl Alert {
    /// Whether it is an incident: somebody is paged for it.
    #[must_use]
    pub fn is_incident(&self) -> bool {
        matches!(self.priority.as_str(), "P0" | "P1")
    }

    /// Seconds from firing to the end; none while it is open.
    #[must_use]
    pub fn lasted(&self) -> Option<f64> {
        let lasted = self.ended_at? - self.started_at;
        Some(lasted.num_milliseconds().max(0) as f64 / 1_000.0)
    }
}

/// What a person made of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The judgement.
    pub verdict: Verdict,
    /// Whose: the name of the key.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// Whether an alert was worth somebody's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There was something to do.
    Actionable,
    /// There was nothing: the rule is wrong.
    FalsePositive,
}

/// What a notification changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The alert as it is stored now.
    pub alert: Alert,
    /// It was not known.
    pub opened: bool,
    /// It is over since this notification.
    pub resolved: bool,
}
