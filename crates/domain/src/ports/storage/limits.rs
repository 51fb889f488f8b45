//! Rate limits.

use async_trait::async_trait;

use super::Result;
use crate::id::TenantId;
use crate::limit::{RateLimit, Subject};
use crate::page::{Page, PageRequest};

/// Rate limits.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Stores a limit in the place of the one that its subject had, which gives it its id; answers it as stored.
    async fn set(&self, tenant: TenantId, limit: &RateLimit) -> Result<RateLimit>;
    /// The tenant's limits, by subject.
    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<RateLimit>>;
    /// The limit of one subject.
    async fn get(&self, tenant: TenantId, subject: &Subject) -> Result<RateLimit>;
    /// Removes the limit of a subject.
    async fn remove(&self, tenant: TenantId, subject: &Subject) -> Result<()>;
}
