//! Shows keys, never their secrets.

use domain::{ApiKey, KeyId, Page, PageRequest, Principal, Scope};

use crate::{Control, ControlError, require};

impl Control {
    /// One key of the caller's tenant.
    ///
    /// # Errors
    /// Without `keys:read`; when there is no such key.
    pub async fn get_key(&self, caller: &Principal, id: KeyId) -> Result<ApiKey, ControlError> {
        require(caller, Scope::KeysRead)?;
        Ok(self.storage.keys.get(caller.tenant_id, id).await?)
    }

    /// The tenant's keys, newest first.
    ///
    /// # Errors
    /// Without `keys:read`.
    pub async fn list_keys(
        &self,
        caller: &Principal,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, ControlError> {
        require(caller, Scope::KeysRead)?;
        Ok(self.storage.keys.list(caller.tenant_id, page).await?)
    }
}
