//! Revokes a key: it is refused from now on, on every replica with a live watch within a second.

use domain::{ApiKey, KeyId, Principal, Scope};

use crate::{Control, ControlError, require};

impl Control {
    /// Revokes a key of the caller's tenant; doing it again changes nothing.
    ///
    /// # Errors
    /// Without `keys:write`; when there is no such key; when it is the caller's own, which would lock the caller out.
    pub async fn revoke_key(&self, caller: &Principal, id: KeyId) -> Result<ApiKey, ControlError> {
        require(caller, Scope::KeysWrite)?;
        if id == caller.key_id {
            let message = "a key cannot revoke itself; use another one".to_owned();
            return Err(ControlError::Conflict { field: "id", message });
        }
        Ok(self.storage.keys.revoke(caller.tenant_id, id, self.now()).await?)
    }
}
