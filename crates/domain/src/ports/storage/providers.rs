//! Providers, their tools and credentials.

use async_trait::async_trait;

use super::Result;
use crate::credential::SealedCredential;
use crate::id::ProviderId;
use crate::id::TenantId;
use crate::page::Page;
use crate::page::PageRequest;
use crate::provider::Health;
use crate::provider::Provider;
use crate::provider::Skipped;
use crate::readback::Readback;
use crate::tool::Tool;

/// A provider as it is imported or refreshed: the row, its tools, and what was left out.
#[derive(Debug, Clone)]
pub struct Import {
    /// The provider.
    pub provider: Provider,
    /// All its tools. Ids of tools whose names stay are kept by the adapter.
    pub tools: Vec<Tool>,
    /// Operations that are no tools.
    pub skipped: Vec<Skipped>,
    /// The description as it was read, for refreshes and for people.
    pub description: String,
    /// Where it came from, none when it was handed over.
    pub description_url: Option<String>,
}

/// What a refresh changed, by tool name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ToolDiff {
    /// New tools.
    pub added: Vec<String>,
    /// Tools whose definition changed.
    pub changed: Vec<String>,
    /// Tools that are gone.
    pub removed: Vec<String>,
}

/// What a provider's row holds besides the provider.
#[derive(Debug, Clone)]
pub struct Description {
    /// The text.
    pub text: String,
    /// Where it came from, none when it was handed over.
    pub url: Option<String>,
    /// Operations that are no tools.
    pub skipped: Vec<Skipped>,
}

/// Providers, their tools and credentials.
#[async_trait]
pub trait Providers: Send + Sync {
    /// Stores a new provider, or a refreshed one, with all its tools; only what differs gets a change number.
    /// A new one: Conflict on `name` when the tenant has that name. `credential` replaces the stored one when given.
    /// One that was removed: [`StoreError::NotFound`]. What a person changed since `import.provider` was read stays.
    async fn import(
        &self,
        tenant: TenantId,
        import: &Import,
        credential: Option<&SealedCredential>,
    ) -> Result<ToolDiff>;
    /// One provider.
    async fn get(&self, tenant: TenantId, id: ProviderId) -> Result<Provider>;
    /// One provider by its name.
    async fn by_name(&self, tenant: TenantId, name: &str) -> Result<Provider>;
    /// The tenant's providers, by name.
    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<Provider>>;
    /// The description that it was read from.
    async fn description(&self, tenant: TenantId, id: ProviderId) -> Result<Description>;
    /// Replaces the row (not its tools). [`StoreError::Stale`] unless the stored version is `expected`.
    async fn update(&self, tenant: TenantId, provider: &Provider, expected: i64) -> Result<Provider>;
    /// Removes it with its tools and credential. [`StoreError::Stale`] unless `expected` is none or the version.
    async fn remove(&self, tenant: TenantId, id: ProviderId, expected: Option<i64>) -> Result<()>;
    /// Records a health check; a change is written only when the state differs.
    async fn record_health(&self, tenant: TenantId, id: ProviderId, health: Health) -> Result<()>;
    /// The sealed credential.
    async fn credential(&self, tenant: TenantId, id: ProviderId) -> Result<Option<SealedCredential>>;
    /// One tool by its name.
    async fn tool(&self, tenant: TenantId, name: &str) -> Result<Tool>;
    /// The tool's read-back check, if it has one.
    async fn readback(&self, tenant: TenantId, tool: &str) -> Result<Option<Readback>>;
    /// Gives the tool a read-back check, or takes it away. It outlives refreshes as long as the tool does.
    async fn set_readback(&self, tenant: TenantId, tool: &str, readback: Option<&Readback>) -> Result<()>;
    /// The tenant's tools, by name; of one provider when given.
    async fn tools(
        &self,
        tenant: TenantId,
        provider: Option<ProviderId>,
        page: PageRequest,
    ) -> Result<Page<Tool>>;
}
