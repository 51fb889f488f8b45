//! Organizations and tenants.

use async_trait::async_trait;

use super::Result;
use crate::id::TenantId;
use crate::key::ApiKey;
use crate::page::Page;
use crate::page::PageRequest;
use crate::tenant::Organization;
use crate::tenant::Tenant;

/// Organizations and tenants.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// Creates both, unless the installation has a tenant already; answers whether it did. The first start.
    async fn bootstrap(&self, organization: &Organization, tenant: &Tenant, admin: &ApiKey) -> Result<bool>;
    /// Creates a tenant with its first admin key in an organization that exists.
    async fn create(&self, tenant: &Tenant, admin: &ApiKey) -> Result<()>;
    /// One tenant.
    async fn get(&self, tenant: TenantId) -> Result<Tenant>;
    /// The tenants of the organization that owns `tenant`, by name.
    async fn siblings(&self, tenant: TenantId, page: PageRequest) -> Result<Page<Tenant>>;
    /// Across tenants: every tenant id.
    async fn all_ids(&self) -> Result<Vec<TenantId>>;
}
