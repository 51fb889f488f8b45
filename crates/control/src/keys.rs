//! API keys.

mod create;
mod pins;
mod read;
mod recover;
mod revoke;
mod rotate;

use chrono::{DateTime, Utc};
use domain::{ApiKey, KeyId, KeyKind, PresentedKey, Principal, Scopes, TenantId};

pub use create::NewKey;

use crate::{Control, ControlError};

impl Control {
    /// Makes a key and what is stored of it. Nothing is saved yet.
    pub(crate) fn mint_key(
        &self,
        tenant: TenantId,
        name: &str,
        kind: KeyKind,
        scopes: Option<Scopes>,
        expires_at: Option<DateTime<Utc>>,
    ) -> (PresentedKey, ApiKey) {
        let mut random = [0_u8; 38];
        self.entropy.fill(&mut random);
        let presented = PresentedKey::mint(&random);
        let key = ApiKey {
            id: KeyId::generate(),
            tenant_id: tenant,
            name: name.to_owned(),
            kind,
            scopes: scopes.unwrap_or_else(|| kind.default_scopes()),
            pins: Vec::new(),
            prefix: presented.prefix().to_owned(),
            hash: presented.hash().to_vec(),
            expires_at,
            revoked_at: None,
            last_used_at: None,
            created_at: self.now(),
        };
        (presented, key)
    }

    /// Until when the caller's own key is accepted. A key that it makes is not accepted for longer, or an expiring key
    /// would outlive itself.
    pub(crate) async fn own_expiry(&self, caller: &Principal) -> Result<Option<DateTime<Utc>>, ControlError> {
        let own = self.storage.keys.get(caller.tenant_id, caller.key_id).await?;
        Ok(own.expires_at)
    }
}

/// Whether a key that runs out at `expires_at` outlives one that runs out at `own`.
fn outlives(expires_at: Option<DateTime<Utc>>, own: Option<DateTime<Utc>>) -> bool {
    own.is_some_and(|own| expires_at.is_none_or(|at| at > own))
}
