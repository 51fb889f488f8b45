//! Removes a provider with its tools and its credential.

use domain::{Principal, Scope};

use crate::{Control, ControlError, require};

impl Control {
    /// Removes it; agents lose its tools within a second. `expected` is the version that the caller has seen, if any.
    ///
    /// # Errors
    /// Without `tools:write`; when there is no such provider; [`ControlError::Stale`] when it was changed since.
    pub async fn remove_provider(
        &self,
        caller: &Principal,
        name: &str,
        expected: Option<i64>,
    ) -> Result<(), ControlError> {
        require(caller, Scope::ToolsWrite)?;
        let provider = self.storage.providers.by_name(caller.tenant_id, name).await?;
        Ok(self
            .storage
            .providers
            .remove(caller.tenant_id, provider.id, expected)
            .await?)
    }
}
