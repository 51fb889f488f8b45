//! Which replicas are there. One that answers requests of sessions says so in the cache all the time; one that does not
//! say so any more has been killed, or cut off.

use std::time::Duration;

use super::Sessions;

/// A replica says that it is there so many times in the time for which it is believed.
const TIMES: u32 = 4;

/// It is not said more often than this.
const LEAST_BEAT: Duration = Duration::from_millis(50);

/// The cache key that a replica keeps.
pub(super) fn key(replica: &str) -> String {
    format!("mcp:replica:{replica}")
}

impl Sessions {
    /// Says that this replica is there, for as long as it has something to answer: one that rests leaves nothing in the
    /// cache.
    pub(super) async fn be_present(&self) {
        let believed = self.0.config.presence.get();
        let key = key(&self.0.replica);
        let mut beat = tokio::time::interval((believed / TIMES).max(LEAST_BEAT));
        loop {
            beat.tick().await;
            let is_busy = self.lock().values().any(|session| !session.in_flight.is_empty());
            if is_busy && let Err(error) = self.0.cache.set(&key, b"", believed).await {
                tracing::debug!(%error, "other replicas do not hear that this one is there");
            }
        }
    }
}
