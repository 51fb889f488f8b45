//! Assignments.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Result;
use crate::assignment::Assignment;
use crate::id::{AssignmentId, TaskId, TenantId};
use crate::job::Job;
use crate::page::{Page, PageRequest};

/// Assignments.
#[async_trait]
pub trait Assignments: Send + Sync {
    /// Stores an assignment and the job that tells of it, in one transaction.
    async fn create(&self, tenant: TenantId, assignment: &Assignment, job: &Job) -> Result<()>;
    /// One assignment.
    async fn get(&self, tenant: TenantId, id: AssignmentId) -> Result<Assignment>;
    /// The tenant's assignments, newest first; only those of `assignee` if there is one.
    async fn list(
        &self,
        tenant: TenantId,
        assignee: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Assignment>>;
    /// Notes that the assignee was told, and as which task an agent does it. The first time counts.
    async fn told(
        &self,
        tenant: TenantId,
        id: AssignmentId,
        task: Option<TaskId>,
        at: DateTime<Utc>,
    ) -> Result<Assignment>;
    /// Notes that it is done. The first time counts.
    async fn done(&self, tenant: TenantId, id: AssignmentId, at: DateTime<Utc>) -> Result<Assignment>;
    /// Removes it. Answers what it was.
    async fn remove(&self, tenant: TenantId, id: AssignmentId) -> Result<Assignment>;
}
