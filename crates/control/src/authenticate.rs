//! Who is calling.

use chrono::{DateTime, Utc};
use domain::key::KeyRefusal;
use domain::{KeyId, PresentedKey, Principal, TenantId};

use crate::{Control, ControlError};

impl Control {
    /// Finds the key that was presented and checks that it may be used now. The outer result says whether storage
    /// could be asked, the inner one whether the key is accepted.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`] or [`ControlError::Internal`] when storage cannot answer.
    pub async fn authenticate(&self, presented: &str) -> Result<Result<Principal, KeyRefusal>, ControlError> {
        let presented = match PresentedKey::parse(presented) {
            Ok(presented) => presented,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(key) = self.storage.keys.by_prefix(presented.prefix()).await? else {
            return Ok(Err(KeyRefusal::Unknown));
        };
        let now = self.now();
        let verdict = key.verify(&presented, now);
        // To about a minute: one write for a burst of calls.
        let fresh = key
            .last_used_at
            .is_some_and(|at| now - at < chrono::Duration::minutes(1));
        if verdict.is_ok() && !fresh {
            self.storage.keys.touch(key.tenant_id, &[(key.id, now)]).await?;
        }
        Ok(verdict)
    }

    /// Records that the edge has accepted a key.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn touch_key(
        &self,
        tenant: TenantId,
        key: KeyId,
        at: DateTime<Utc>,
    ) -> Result<(), ControlError> {
        Ok(self.storage.keys.touch(tenant, &[(key, at)]).await?)
    }
}
