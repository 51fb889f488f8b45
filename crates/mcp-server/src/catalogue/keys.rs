//! Keys are checked here, without a round trip; that they were used is told to the control plane now and then.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::key::KeyRefusal;
use domain::{KeyId, Presented, Principal};
use tokio_util::sync::CancellationToken;
use uplink::{KeyUses, Link};

use super::{Catalogue, Newcomers};
use crate::transport::Keys;

/// How often uses are told; a key's last use is that exact.
const TELL: Duration = Duration::from_secs(30);
/// Longest time of telling.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The catalogue's keys, whose uses are noted.
pub struct CatalogueKeys {
    catalogue: Catalogue,
    uses: Arc<KeyUses>,
    newcomers: Newcomers,
}

impl CatalogueKeys {
    /// The keys of `catalogue`; uses are noted in `uses`, and `newcomers` asks for what it does not know.
    #[must_use]
    pub fn new(catalogue: Catalogue, uses: Arc<KeyUses>, newcomers: Newcomers) -> Self {
        Self {
            catalogue,
            uses,
            newcomers,
        }
    }
}

#[async_trait]
impl Keys for CatalogueKeys {
    fn authenticate(&self, presented: &Presented, now: DateTime<Utc>) -> Result<Principal, KeyRefusal> {
        let principal = Keys::authenticate(&self.catalogue, presented, now)?;
        self.uses.note(principal.tenant_id, principal.key_id, now);
        Ok(principal)
    }

    async fn arrives(&self, presented: &Presented) -> bool {
        match presented {
            Presented::Key(key) => self.newcomers.arrives(key).await,
            Presented::Token(_) => false,
        }
    }

    fn is_live(&self, key: KeyId, now: DateTime<Utc>) -> bool {
        self.catalogue.key_is_live(key, now)
    }
}

/// Tells the control plane of uses until `stop`, and once more then.
pub async fn tell_key_uses(uses: Arc<KeyUses>, link: Link, stop: CancellationToken) {
    let mut beat = tokio::time::interval(TELL);
    loop {
        let goes_on = stop.run_until_cancelled(beat.tick()).await.is_some();
        match tokio::time::timeout(TIMEOUT, uses.tell(&link)).await {
            Ok(Ok(())) => {}
            Ok(Err(status)) => tracing::debug!(error = status.message(), "uses of keys could not be told"),
            Err(_) => tracing::debug!("uses of keys could not be told in time"),
        }
        if !goes_on {
            return;
        }
    }
}
