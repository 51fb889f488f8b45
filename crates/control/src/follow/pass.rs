//! Whether a caller whose answer lasts may go on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{KeyId, Principal, TenantId};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::{Control, ControlError};

/// So long after a change of the catalogue the key is looked at: one look for a burst of changes.
const BURST: Duration = Duration::from_millis(100);

/// What a caller has shown, as long as it is good.
#[derive(Clone)]
pub struct Pass {
    control: Control,
    tenant: TenantId,
    key: KeyId,
    until: Option<DateTime<Utc>>,
    moved: watch::Receiver<u64>,
}

impl Control {
    /// The pass of a caller who was let in.
    #[must_use]
    pub fn pass(&self, caller: &Principal) -> Pass {
        Pass {
            control: self.clone(),
            tenant: caller.tenant_id,
            key: caller.key_id,
            until: caller.until,
            moved: self.storage.changes.moved(),
        }
    }
}

impl Pass {
    /// Whether it is still good.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn holds(&self) -> Result<bool, ControlError> {
        let now = self.control.now();
        if self.until.is_some_and(|until| until <= now) {
            return Ok(false);
        }
        match self.control.storage.keys.get(self.tenant, self.key).await {
            Ok(key) => Ok(key.accept(now).is_ok()),
            Err(domain::StoreError::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until it is good no more. It is looked at whenever the catalogue has changed, as it does when a key is revoked or a
    /// user disabled; when its time is over; and at least every `interval`. While storage is away it counts as good: there
    /// is nothing then that could be told.
    ///
    /// # Errors
    /// When it cannot be looked at for another reason.
    pub async fn lost(mut self, interval: Duration) -> Result<(), ControlError> {
        loop {
            self.moved.mark_unchanged();
            match self.holds().await {
                Ok(true) | Err(ControlError::Unavailable(_)) => {}
                Ok(false) => return Ok(()),
                Err(error) => return Err(error),
            }
            let next = self.time_left().map_or(interval, |left| left.min(interval));
            if timeout(next, self.moved.changed()).await.is_ok() {
                sleep(BURST).await;
            }
        }
    }

    fn time_left(&self) -> Option<Duration> {
        // A moment more: timers and the clock do not agree to a millisecond.
        let left = self.until? - self.control.now() + chrono::TimeDelta::milliseconds(5);
        Some(left.to_std().unwrap_or_default())
    }
}
