//! What people and agents do with jobs.

use std::time::Duration;

use domain::job::Resolution;
use domain::ports::storage::JobFilter;
use domain::{Job, JobId, Page, PageRequest, Principal, Scope, TenantId};

use crate::{Control, ControlError, require};

/// The longest wait for a final state: below the idle time-outs of common proxies.
pub const MAX_WAIT: Duration = Duration::from_secs(60);

/// So many seconds of waiting, if that is no longer than anybody may wait.
#[must_use]
pub fn wait(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds)).filter(|wait| *wait <= MAX_WAIT)
}

impl Control {
    /// One job of the caller's tenant; waits up to `wait` for a final state.
    ///
    /// # Errors
    /// Without `jobs:read`; when there is no such job.
    pub async fn get_job(&self, caller: &Principal, id: JobId, wait: Duration) -> Result<Job, ControlError> {
        require(caller, Scope::JobsRead)?;
        self.await_job(caller.tenant_id, id, wait).await
    }

    /// The tenant's jobs, newest first.
    ///
    /// # Errors
    /// Without `jobs:read`.
    pub async fn list_jobs(
        &self,
        caller: &Principal,
        filter: JobFilter,
        page: PageRequest,
    ) -> Result<Page<Job>, ControlError> {
        require(caller, Scope::JobsRead)?;
        Ok(self.storage.jobs.list(caller.tenant_id, filter, page).await?)
    }

    /// Cancels a job that has not begun.
    ///
    /// # Errors
    /// Without `jobs:write`; when there is no such job; when it has begun or is final.
    pub async fn cancel_job(&self, caller: &Principal, id: JobId) -> Result<Job, ControlError> {
        require(caller, Scope::JobsWrite)?;
        self.cancel_for_service(caller.tenant_id, id).await
    }

    /// The same for a service that has checked the caller's scope itself.
    ///
    /// # Errors
    /// When there is no such job; when it has begun or is final.
    pub async fn cancel_for_service(&self, tenant: TenantId, id: JobId) -> Result<Job, ControlError> {
        Ok(self.storage.jobs.cancel(tenant, id, self.now()).await?)
    }

    /// Runs a failed job again.
    ///
    /// # Errors
    /// Without `jobs:write`; when there is no such job; when it has not failed.
    pub async fn retry_job(&self, caller: &Principal, id: JobId) -> Result<Job, ControlError> {
        require(caller, Scope::JobsWrite)?;
        Ok(self.storage.jobs.retry(caller.tenant_id, id, self.now()).await?)
    }

    /// Closes a job in doubt.
    ///
    /// # Errors
    /// Without `jobs:write`; when there is no such job; when it is not in doubt.
    pub async fn resolve_job(
        &self,
        caller: &Principal,
        id: JobId,
        how: Resolution,
    ) -> Result<Job, ControlError> {
        require(caller, Scope::JobsWrite)?;
        Ok(self
            .storage
            .jobs
            .resolve(caller.tenant_id, id, how, &caller.name, self.now())
            .await?)
    }

    /// One job for a service; waits up to `wait` (at most [`MAX_WAIT`]) for a final state.
    ///
    /// # Errors
    /// When there is no such job.
    pub async fn await_job(&self, tenant: TenantId, id: JobId, wait: Duration) -> Result<Job, ControlError> {
        let deadline = tokio::time::Instant::now() + wait.min(MAX_WAIT);
        let mut moved = self.storage.jobs.moved();
        loop {
            moved.mark_unchanged();
            let job = self.storage.jobs.get(tenant, id).await?;
            if job.state.is_final() {
                return Ok(job);
            }
            match tokio::time::timeout_at(deadline, moved.changed()).await {
                Ok(Ok(())) => {}
                // Time is up, or storage is closing: what is known now is the answer.
                Ok(Err(_)) | Err(_) => return Ok(job),
            }
        }
    }
}
