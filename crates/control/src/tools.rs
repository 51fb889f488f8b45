//! Tools: shown to people here, called by agents at the edge, and asked for as jobs.

mod call;
mod readback;

use domain::{Page, PageRequest, Principal, Provider, Scope, TenantId, Tool};

pub use call::NewCall;

use crate::{Control, ControlError, require};

impl Control {
    /// One tool of the caller's tenant.
    ///
    /// # Errors
    /// Without `tools:read`; when there is no such tool.
    pub async fn get_tool(&self, caller: &Principal, name: &str) -> Result<Tool, ControlError> {
        require(caller, Scope::ToolsRead)?;
        Ok(self.storage.providers.tool(caller.tenant_id, name).await?)
    }

    /// The tenant's tools by name, of one provider when it is named.
    ///
    /// # Errors
    /// Without `tools:read`; when there is no such provider.
    pub async fn list_tools(
        &self,
        caller: &Principal,
        provider: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Tool>, ControlError> {
        require(caller, Scope::ToolsRead)?;
        let provider = match provider {
            Some(name) => Some(self.storage.providers.by_name(caller.tenant_id, name).await?.id),
            None => None,
        };
        Ok(self
            .storage
            .providers
            .tools(caller.tenant_id, provider, page)
            .await?)
    }

    /// One tool with its provider, for a service.
    ///
    /// # Errors
    /// When there is no such tool.
    pub async fn tool_with_provider(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<(Tool, Provider), ControlError> {
        let tool = self.storage.providers.tool(tenant, name).await?;
        let provider = self.storage.providers.get(tenant, tool.provider_id).await?;
        Ok((tool, provider))
    }
}
