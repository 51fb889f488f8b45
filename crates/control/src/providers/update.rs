//! Changes a provider's bounds, selection or hosts.

use domain::provider::{CallLimits, Selection};
use domain::{Principal, Provider, Scope};

use super::add::{check_limits, check_selection};
use super::addresses::check_hosts;
use crate::error::Check;
use crate::{Control, ControlError, require};

/// What is to be different; everything else stays.
#[derive(Debug, Clone, Default)]
pub struct ProviderChange {
    /// Which operations become tools, from the next refresh on.
    pub selection: Option<Selection>,
    /// Private hosts that it may reach; needs `admin`.
    pub allowed_hosts: Option<Vec<String>>,
    /// Bounds of its calls.
    pub limits: Option<CallLimits>,
}

impl Control {
    /// Changes the provider. `expected` is the version that the caller has seen.
    ///
    /// # Errors
    /// Without `tools:write` (and `admin` for private hosts); when there is no such provider;
    /// [`ControlError::Stale`] when it was changed since.
    pub async fn update_provider(
        &self,
        caller: &Principal,
        name: &str,
        change: ProviderChange,
        expected: i64,
    ) -> Result<Provider, ControlError> {
        require(caller, Scope::ToolsWrite)?;
        if change.allowed_hosts.is_some() {
            require(caller, Scope::Admin)?;
        }
        let mut provider = self.storage.providers.by_name(caller.tenant_id, name).await?;
        provider.selection = change.selection.unwrap_or(provider.selection);
        provider.allowed_hosts = change.allowed_hosts.unwrap_or(provider.allowed_hosts);
        provider.limits = change.limits.unwrap_or(provider.limits);
        let mut check = Check::default();
        check_hosts(&mut check, &provider.allowed_hosts);
        check_selection(&mut check, &provider.selection);
        check_limits(&mut check, &provider.limits);
        check.finish()?;
        Ok(self
            .storage
            .providers
            .update(caller.tenant_id, &provider, expected)
            .await?)
    }
}
