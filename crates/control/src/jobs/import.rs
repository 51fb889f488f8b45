//! Stores what a provider's description gave, and ends the attempt that read it.

use domain::job::{Attempt, AttemptEnd, ImportPayload, ImportResult, JobError};
use domain::ports::storage::Import;
use domain::{Job, JobKind};

use crate::{Control, ControlError};

impl Control {
    /// Stores the import as a whole and ends the attempt: done, or failed with the reason when the import collides
    /// with what is stored. Storing it twice changes nothing, so a worker that is cut off in between may repeat it.
    ///
    /// # Errors
    /// [`ControlError::Stale`] when the lease is lost; when storage cannot answer.
    pub async fn apply_import(&self, attempt: &Attempt, import: Import) -> Result<Job, ControlError> {
        let tenant = attempt.tenant_id;
        let job = self.storage.jobs.get(tenant, attempt.job_id).await?;
        if job.lease_owner.as_deref() != Some(&attempt.owner) || job.attempt != attempt.number {
            return Err(ControlError::Stale);
        }
        let credential = match job.kind {
            JobKind::ProviderImport => payload(&job)?.credential,
            _ => None,
        };
        let end = match self
            .storage
            .providers
            .import(tenant, &import, credential.as_ref())
            .await
            .map_err(Into::into)
        {
            Ok(diff) => AttemptEnd::Done(
                serde_json::to_value(ImportResult {
                    provider_id: import.provider.id,
                    tools: import.tools.len(),
                    skipped: import.skipped,
                    diff,
                })
                .map_err(ControlError::internal)?,
            ),
            Err(ControlError::Conflict { field, message }) => {
                AttemptEnd::Failed(JobError::new("conflict", format!("{field}: {message}")))
            }
            Err(ControlError::NotFound) => {
                AttemptEnd::Failed(JobError::new("not_found", "the provider is gone"))
            }
            Err(error) => return Err(error),
        };
        self.end_attempt(attempt, end).await
    }
}

fn payload(job: &Job) -> Result<ImportPayload, ControlError> {
    serde_json::from_value(job.payload.clone()).map_err(ControlError::internal)
}
