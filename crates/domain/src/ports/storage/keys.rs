//! API keys.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Result;
use crate::id::KeyId;
use crate::id::TenantId;
use crate::key::ApiKey;
use crate::page::Page;
use crate::page::PageRequest;

/// API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Stores a new key. Conflict on `name` when the tenant has a live one of that name.
    async fn create(&self, tenant: TenantId, key: &ApiKey) -> Result<()>;
    /// One key.
    async fn get(&self, tenant: TenantId, id: KeyId) -> Result<ApiKey>;
    /// The tenant's keys, newest first.
    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<ApiKey>>;
    /// Marks the key revoked; doing it again changes nothing.
    async fn revoke(&self, tenant: TenantId, id: KeyId, at: DateTime<Utc>) -> Result<ApiKey>;
    /// Puts these pins in the place of the key's own.
    async fn pin(&self, tenant: TenantId, id: KeyId, pins: &[String]) -> Result<ApiKey>;
    /// Stores `new` and lets `old` run out at `old_expires_at`, in one transaction.
    async fn rotate(
        &self,
        tenant: TenantId,
        old: KeyId,
        old_expires_at: DateTime<Utc>,
        new: &ApiKey,
    ) -> Result<()>;
    /// Across tenants: the key with this prefix. Authentication begins here, before a tenant is known.
    async fn by_prefix(&self, prefix: &str) -> Result<Option<ApiKey>>;
    /// Records when keys were last accepted. Writes no change: the edge does not need it.
    async fn touch(&self, tenant: TenantId, uses: &[(KeyId, DateTime<Utc>)]) -> Result<()>;
    /// Across tenants: how many keys are neither revoked nor expired at `now`.
    async fn count_active(&self, now: DateTime<Utc>) -> Result<u64>;
}
