//! What the edge asks of the control plane.

use std::time::Duration;

use async_trait::async_trait;
use domain::{Job, JobId, TenantId};
use proto::v1::EnqueueRequest;
use tonic::Status;

/// The jobs of the control plane, as the edge uses them.
#[async_trait]
pub trait ControlPlane: Send + Sync {
    /// Stores a job; it will run even if this process ends now.
    ///
    /// # Errors
    /// The control plane's status.
    async fn enqueue(&self, request: EnqueueRequest) -> Result<Job, Status>;

    /// One job; waits at most `wait` for it to reach a final state.
    ///
    /// # Errors
    /// `NOT_FOUND` when the tenant has no such job; otherwise the control plane's status.
    async fn job(&self, tenant: TenantId, id: JobId, wait: Duration) -> Result<Job, Status>;

    /// Cancels a job that has not begun.
    ///
    /// # Errors
    /// `NOT_FOUND` when the tenant has no such job, `FAILED_PRECONDITION` when it has begun or is final.
    async fn cancel(&self, tenant: TenantId, id: JobId) -> Result<Job, Status>;
}
