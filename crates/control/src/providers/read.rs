//! Shows providers, never their credentials.

use domain::ports::storage::Description;
use domain::provider::Skipped;
use domain::{Page, PageRequest, Principal, Provider, ProviderId, Scope, TenantId};

use crate::{Control, ControlError, require};

impl Control {
    /// One provider of the caller's tenant.
    ///
    /// # Errors
    /// Without `tools:read`; when there is no such provider.
    pub async fn get_provider(&self, caller: &Principal, name: &str) -> Result<Provider, ControlError> {
        require(caller, Scope::ToolsRead)?;
        Ok(self.storage.providers.by_name(caller.tenant_id, name).await?)
    }

    /// The tenant's providers, by name.
    ///
    /// # Errors
    /// Without `tools:read`.
    pub async fn list_providers(
        &self,
        caller: &Principal,
        page: PageRequest,
    ) -> Result<Page<Provider>, ControlError> {
        require(caller, Scope::ToolsRead)?;
        Ok(self.storage.providers.list(caller.tenant_id, page).await?)
    }

    /// The operations of a provider that are no tools, with the reasons.
    ///
    /// # Errors
    /// Without `tools:read`; when there is no such provider.
    pub async fn skipped_operations(
        &self,
        caller: &Principal,
        name: &str,
    ) -> Result<Vec<Skipped>, ControlError> {
        let provider = self.get_provider(caller, name).await?;
        Ok(self
            .storage
            .providers
            .description(caller.tenant_id, provider.id)
            .await?
            .skipped)
    }

    /// One provider with its description, for a service.
    ///
    /// # Errors
    /// When there is no such provider.
    pub async fn provider_with_description(
        &self,
        tenant: TenantId,
        id: ProviderId,
    ) -> Result<(Provider, Description), ControlError> {
        let provider = self.storage.providers.get(tenant, id).await?;
        let description = self.storage.providers.description(tenant, id).await?;
        Ok((provider, description))
    }
}
