//! Asks for a provider's description to be read again.

use std::collections::BTreeMap;

use domain::job::ProviderPayload;
use domain::{Effect, Job, JobKind, Principal, Priority, Scope};

use crate::jobs::NewJob;
use crate::{Control, ControlError, require};

impl Control {
    /// Stores the job that reads the description again and changes the tools that differ.
    ///
    /// # Errors
    /// Without `tools:write`; when there is no such provider.
    pub async fn refresh_provider(
        &self,
        caller: &Principal,
        name: &str,
        trace: BTreeMap<String, String>,
    ) -> Result<Job, ControlError> {
        require(caller, Scope::ToolsWrite)?;
        let provider = self.storage.providers.by_name(caller.tenant_id, name).await?;
        let payload = ProviderPayload {
            provider_id: provider.id,
        };
        let job = self.new_job(NewJob {
            tenant_id: caller.tenant_id,
            kind: JobKind::ProviderRefresh,
            payload: serde_json::to_value(payload).map_err(ControlError::internal)?,
            effect: Effect::Idempotent,
            priority: Priority::High,
            idempotency_key: None,
            requested_by: Some(caller.key_id),
            trace,
        });
        self.storage.jobs.enqueue(caller.tenant_id, &job).await?;
        Ok(job)
    }
}
