//! What services do with jobs: ask for one, claim an attempt, end it.

use std::time::Duration;

use domain::Job;
use domain::job::{Attempt, AttemptEnd};
use domain::ports::storage::Claim;

use crate::{Control, ControlError};

/// The longest lease: a worker that is lost is noticed within it.
pub(super) const MAX_LEASE: Duration = Duration::from_secs(600);

impl Control {
    /// Takes the lease of an attempt.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn claim(&self, attempt: &Attempt, lease: Duration) -> Result<Claim, ControlError> {
        let now = self.now();
        let Attempt {
            tenant_id,
            job_id,
            number,
            owner,
        } = attempt;
        Ok(self
            .storage
            .jobs
            .claim(
                *tenant_id,
                *job_id,
                *number,
                owner,
                now,
                now + lease.min(MAX_LEASE),
            )
            .await?)
    }

    /// Extends the lease.
    ///
    /// # Errors
    /// [`ControlError::Stale`] when it is lost.
    pub async fn renew(&self, attempt: &Attempt, lease: Duration) -> Result<(), ControlError> {
        let until = self.now() + lease.min(MAX_LEASE);
        let Attempt {
            tenant_id,
            job_id,
            number,
            owner,
        } = attempt;
        Ok(self
            .storage
            .jobs
            .renew(*tenant_id, *job_id, *number, owner, until)
            .await?)
    }

    /// Notes that the attempt may have had its effect from now on.
    ///
    /// # Errors
    /// [`ControlError::Stale`] when the lease is lost.
    pub async fn begin_effect(&self, attempt: &Attempt) -> Result<(), ControlError> {
        let Attempt {
            tenant_id,
            job_id,
            number,
            owner,
        } = attempt;
        Ok(self
            .storage
            .jobs
            .begin_effect(*tenant_id, *job_id, *number, owner)
            .await?)
    }

    /// Ends the attempt.
    ///
    /// # Errors
    /// [`ControlError::Stale`] when the lease is lost.
    pub async fn end_attempt(&self, attempt: &Attempt, end: AttemptEnd) -> Result<Job, ControlError> {
        let Attempt {
            tenant_id,
            job_id,
            number,
            owner,
        } = attempt;
        Ok(self
            .storage
            .jobs
            .end_attempt(*tenant_id, *job_id, *number, owner, end, self.now())
            .await?)
    }

    /// Gives a claimed job back untouched.
    ///
    /// # Errors
    /// [`ControlError::Stale`] when the lease is lost.
    pub async fn release(&self, attempt: &Attempt) -> Result<(), ControlError> {
        let Attempt {
            tenant_id,
            job_id,
            number,
            owner,
        } = attempt;
        Ok(self
            .storage
            .jobs
            .release(*tenant_id, *job_id, *number, owner, self.now())
            .await?)
    }
}
