//! Who is calling.

use chrono::{DateTime, Utc};
use domain::key::KeyRefusal;
use domain::{ApiKey, KeyId, Presented, Principal, StoreError, TenantId};

use crate::{Control, ControlError};

impl Control {
    /// Finds the key, or the user's access token, that was presented and checks that it may be used now. The outer result says whether storage
    /// could be asked, the inner one whether the key is accepted.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`] or [`ControlError::Internal`] when storage cannot answer.
    pub async fn authenticate(&self, presented: &str) -> Result<Result<Principal, KeyRefusal>, ControlError> {
        let presented = match Presented::parse(presented) {
            Ok(Presented::Key(presented)) => presented,
            Ok(Presented::Token(token)) => return self.authenticate_user(&token).await,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(key) = self.storage.keys.by_prefix(presented.prefix()).await? else {
            return Ok(Err(KeyRefusal::Unknown));
        };
        let verdict = key.verify(&presented, self.now());
        self.note_use(&key, verdict).await
    }

    /// The user whose token it is: the token stands for a key of theirs, which says what they may do, and whether they
    /// still may.
    async fn authenticate_user(&self, token: &str) -> Result<Result<Principal, KeyRefusal>, ControlError> {
        let now = self.now();
        let claims = match domain::token::verify(token, &self.vault.token_keys(), now) {
            Ok(claims) => claims,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let key = match self.storage.keys.get(claims.tenant, claims.key).await {
            Err(StoreError::NotFound) => return Ok(Err(KeyRefusal::Unknown)),
            key => key?,
        };
        let verdict = key.accept(now).map(|caller| caller.until(claims.until()));
        self.note_use(&key, verdict).await
    }

    async fn note_use(
        &self,
        key: &ApiKey,
        verdict: Result<Principal, KeyRefusal>,
    ) -> Result<Result<Principal, KeyRefusal>, ControlError> {
        let now = self.now();
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
