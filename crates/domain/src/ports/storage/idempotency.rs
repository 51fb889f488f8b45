//! Answers kept for `Idempotency-Key`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Result;
use crate::id::TenantId;

/// A stored answer to a creating call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// SHA-256 of method, path and body: the same key with another request is refused.
    pub fingerprint: String,
    /// HTTP status; none while the first call is still running.
    pub status: Option<u16>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is too old to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Answers from before are forgotten.
    pub answers: DateTime<Utc>,
    /// Calls that began before and have no answer were cut off: no call takes as long.
    pub calls: DateTime<Utc>,
}

impl Expired {
    /// Everything from before.
    #[must_use]
    pub fn before(instant: DateTime<Utc>) -> Self {
        Self {
            answers: instant,
            calls: instant,
        }
    }
}

/// Answers kept for `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).
#[async_trait]
pub trait Idempotency: Send + Sync {
    /// Takes the key for a new call, or answers what is stored under it. Keys that are `expired` are free.
    async fn begin(
        &self,
        tenant: TenantId,
        key: &str,
        fingerprint: &str,
        now: DateTime<Utc>,
        expired: Expired,
    ) -> Result<Option<StoredAnswer>>;
    /// Stores the answer.
    async fn finish(&self, tenant: TenantId, key: &str, status: u16, body: &[u8]) -> Result<()>;
    /// Gives the key back: the call failed before it had an effect.
    async fn abandon(&self, tenant: TenantId, key: &str) -> Result<()>;
}
