//! Schedules: the regular jobs of every provider.
//!
//! Every replica of rest-api may run these: a job's idempotency key names the interval, so that each interval has one
//! job a provider, whoever asks first.

use chrono::{DateTime, Duration, Utc};
use domain::job::ProviderPayload;
use domain::{Effect, JobKind, PageRequest, Priority, Provider, TenantId};

use crate::jobs::NewJob;
use crate::{Control, ControlError};

impl Control {
    /// Asks for a refresh of every provider whose tools were last read longer than `every` ago. Answers how many
    /// providers are due.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn schedule_refreshes(&self, every: Duration) -> Result<usize, ControlError> {
        let before = self.now() - every;
        self.schedule(JobKind::ProviderRefresh, every, |provider| {
            provider.refreshed_at <= before
        })
        .await
    }

    /// Asks for a health check of every provider. Answers how many providers there are.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn schedule_health_checks(&self, every: Duration) -> Result<usize, ControlError> {
        self.schedule(JobKind::ProviderHealth, every, |_| true).await
    }

    async fn schedule(
        &self,
        kind: JobKind,
        every: Duration,
        due: impl Fn(&Provider) -> bool,
    ) -> Result<usize, ControlError> {
        let mut count = 0;
        for tenant in self.storage.tenants.all_ids().await? {
            let mut page = PageRequest::first(PageRequest::MAX);
            loop {
                let providers = self.storage.providers.list(tenant, page).await?;
                for provider in providers.items.iter().filter(|provider| due(provider)) {
                    self.enqueue_scheduled(tenant, provider, kind, every).await?;
                    count += 1;
                }
                let Some(next) = providers.next else { break };
                page = PageRequest {
                    limit: PageRequest::MAX,
                    after: Some(next),
                };
            }
        }
        Ok(count)
    }

    async fn enqueue_scheduled(
        &self,
        tenant_id: TenantId,
        provider: &Provider,
        kind: JobKind,
        every: Duration,
    ) -> Result<(), ControlError> {
        let payload = ProviderPayload {
            provider_id: provider.id,
        };
        let key = format!(
            "schedule:{}:{}:{}",
            kind.as_str(),
            provider.id,
            interval(self.now(), every)
        );
        let job = self.new_job(NewJob {
            tenant_id,
            kind,
            payload: serde_json::to_value(payload).map_err(ControlError::internal)?,
            effect: Effect::Idempotent,
            priority: Priority::Low,
            idempotency_key: Some(key),
            requested_by: None,
            trace: std::collections::BTreeMap::new(),
        });
        self.storage.jobs.enqueue(tenant_id, &job).await?;
        Ok(())
    }
}

/// The number of the interval of this length that `now` is in.
fn interval(now: DateTime<Utc>, every: Duration) -> i64 {
    now.timestamp() / every.num_seconds().max(1)
}
