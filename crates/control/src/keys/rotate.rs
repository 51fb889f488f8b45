//! Rotates a key: a new one takes its place, the old one runs out after a while.

use chrono::Duration;
use domain::{ApiKey, KeyId, PresentedKey, Principal, Scope};

use super::outlives;
use crate::{Control, ControlError, require};

impl Control {
    /// Makes a key with the same name, kind, scopes, pins and expiry; the old one is accepted for `grace` more
    /// (0 to 7 days), so that its users can change over.
    ///
    /// # Errors
    /// Without `keys:write`, or a scope of that key: its successor's text is shown to the caller, who may not
    /// gain by it, neither a scope nor time; when there is no such key; when it is revoked or has expired.
    pub async fn rotate_key(
        &self,
        caller: &Principal,
        id: KeyId,
        grace: Duration,
    ) -> Result<(PresentedKey, ApiKey), ControlError> {
        require(caller, Scope::KeysWrite)?;
        if grace < Duration::zero() || grace > Duration::days(7) {
            return Err(ControlError::invalid("grace_seconds", "0 to 604800"));
        }
        let now = self.now();
        let old = self.storage.keys.get(caller.tenant_id, id).await?;
        for scope in &old.scopes {
            require(caller, *scope)?;
        }
        if old.revoked_at.is_some() || old.expires_at.is_some_and(|at| at <= now) {
            let message = "the key is revoked or has expired; create a new one".to_owned();
            return Err(ControlError::Conflict { field: "id", message });
        }
        if outlives(old.expires_at, self.own_expiry(caller).await?) {
            let message = "the key is accepted for longer than this caller's own".to_owned();
            return Err(ControlError::Conflict {
                field: "expires_at",
                message,
            });
        }
        let until = old.expires_at.map_or(now + grace, |at| at.min(now + grace));
        let (presented, mut new) = self.mint_key(
            caller.tenant_id,
            &old.name,
            old.kind,
            Some(old.scopes.clone()),
            old.expires_at,
        );
        new.pins.clone_from(&old.pins);
        self.storage
            .keys
            .rotate(caller.tenant_id, id, until, &new)
            .await?;
        Ok((presented, new))
    }
}
