//! Alerts.

use async_trait::async_trait;

use super::Result;
use crate::alert::{Alert, Received, Review};
use crate::id::{AlertId, TenantId};
use crate::page::{Page, PageRequest};

/// Which alerts a list shows.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Only of this rule.
    pub alertname: Option<String>,
    /// Only with this priority.
    pub priority: Option<String>,
    /// Only those that fire still.
    pub firing: bool,
}

/// Alerts.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Stores what a notification tells, in one transaction. Answers what it changed; what was known already is left out.
    async fn receive(&self, tenant: TenantId, alerts: &[Alert]) -> Result<Vec<Received>>;
    /// The tenant's alerts, the last received first.
    async fn list(&self, tenant: TenantId, filter: &AlertFilter, page: PageRequest) -> Result<Page<Alert>>;
    /// Keeps a person's judgement in place of the one before. Answers the alert, and whether it is called a
    /// false positive for the first time.
    async fn review(&self, tenant: TenantId, id: AlertId, review: &Review) -> Result<(Alert, bool)>;
}
