//! What `/health/ready` answers (contract, section 6).

use std::collections::BTreeMap;

use serde::Serialize;

/// One check's outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
    /// Healthy, degraded or unhealthy.
    pub status: CheckStatus,
    /// How long it took, in milliseconds.
    pub latency_ms: f64,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// Works.
    Healthy,
    /// Does not work, but the service does.
    Degraded,
    /// The service cannot work without it.
    Unhealthy,
}

impl CheckStatus {
    /// As in JSON and in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CheckStatus::Healthy => "healthy",
            CheckStatus::Degraded => "degraded",
            CheckStatus::Unhealthy => "unhealthy",
        }
    }
}

/// Whether the service should get traffic, and why not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Readiness {
    /// `ready` or `not_ready`.
    pub status: &'static str,
    /// When this was found, RFC 3339.
    pub timestamp: String,
    /// By name: registered checks, latches that are still closed, and `shutdown` while stopping.
    pub checks: BTreeMap<String, CheckReport>,
}

impl Readiness {
    /// Whether traffic may come.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status == "ready"
    }
}
