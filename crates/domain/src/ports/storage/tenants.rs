//! Organizations and tenants.

use async_trait::async_trait;

use super::Result;
use crate::grant::Grant;
use crate::id::TenantId;
use crate::key::ApiKey;
use crate::page::Page;
use crate::page::PageRequest;
use crate::tenant::Isolation;
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
    /// Sets how far the tenant's agents may see others.
    async fn isolate(&self, tenant: TenantId, isolation: Isolation) -> Result<()>;
    /// What the tenant has granted, by whom it is granted to.
    async fn grants(&self, tenant: TenantId) -> Result<Vec<Grant>>;
    /// Grants something; granting it again changes nothing.
    async fn grant(&self, tenant: TenantId, grant: &Grant) -> Result<()>;
    /// Takes a grant back; answers whether it was there.
    async fn ungrant(&self, tenant: TenantId, grant: &Grant) -> Result<bool>;
    /// Across tenants: how many tenants are in each mode.
    async fn count_modes(&self) -> Result<Vec<(Isolation, u64)>>;
    /// Across tenants: every tenant id.
    async fn all_ids(&self) -> Result<Vec<TenantId>>;
}
