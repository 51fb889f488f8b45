//! Alerts: received from Alertmanager, listed and judged by people.

use domain::alert::{Alert, Received, Review, Verdict};
use domain::ports::storage::AlertFilter;
use domain::{AlertId, Page, PageRequest, Principal, Scope};

use crate::{Control, ControlError, require};

impl Control {
    /// Stores what a notification tells; what was known already changes nothing. Answers what is new.
    ///
    /// # Errors
    /// Without `alerts:write`.
    pub async fn receive_alerts(
        &self,
        caller: &Principal,
        alerts: Vec<Alert>,
    ) -> Result<Vec<Received>, ControlError> {
        require(caller, Scope::AlertsWrite)?;
        Ok(self.storage.alerts.receive(caller.tenant_id, &alerts).await?)
    }

    /// The tenant's alerts, the last received first.
    ///
    /// # Errors
    /// Without `alerts:read`.
    pub async fn list_alerts(
        &self,
        caller: &Principal,
        filter: &AlertFilter,
        page: PageRequest,
    ) -> Result<Page<Alert>, ControlError> {
        require(caller, Scope::AlertsRead)?;
        Ok(self.storage.alerts.list(caller.tenant_id, filter, page).await?)
    }

    /// Keeps what a person made of an alert. Answers the alert, and whether it is called a false positive for
    /// the first time.
    ///
    /// # Errors
    /// Without `alerts:review`; when there is no such alert.
    pub async fn review_alert(
        &self,
        caller: &Principal,
        id: AlertId,
        verdict: Verdict,
    ) -> Result<(Alert, bool), ControlError> {
        require(caller, Scope::AlertsReview)?;
        let review = Review {
            verdict,
            by: caller.name.clone(),
            at: self.now(),
        };
        Ok(self.storage.alerts.review(caller.tenant_id, id, &review).await?)
    }
}
