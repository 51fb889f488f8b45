//! Sealed secrets, wherever they are stored.

use async_trait::async_trait;

use super::Result;
use crate::credential::SealedCredential;
use crate::id::{JobId, ProviderId, TenantId};

/// Where a sealed secret is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealPlace {
    /// The credential of a provider.
    Credential,
    /// The payload of the job that adds a provider.
    Import(JobId),
    /// The answer that is kept for this `Idempotency-Key`.
    Answer(String),
}

/// A sealed secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Where it is stored.
    pub place: SealPlace,
    /// The provider that is authenticated with it; the nil UUID for answers, which belong to none.
    pub provider: ProviderId,
    /// The secret.
    pub sealed: SealedCredential,
}

/// Sealed secrets, by the key-encryption key that sealed them.
#[async_trait]
pub trait Seals: Send + Sync {
    /// How many each key-encryption key has sealed, by its id.
    async fn count(&self, tenant: TenantId) -> Result<Vec<(String, u64)>>;
    /// At most `limit` that this key has sealed, those behind `after` in an order that stays: by place, and there by id.
    async fn under(
        &self,
        tenant: TenantId,
        kek_id: &str,
        after: Option<&Seal>,
        limit: u32,
    ) -> Result<Vec<Seal>>;
    /// Puts `sealed` in the place of `seal`, unless that was changed meanwhile; answers whether it did. It holds the
    /// same secret, so nothing else changes.
    async fn replace(&self, tenant: TenantId, seal: &Seal, sealed: &SealedCredential) -> Result<bool>;
}
