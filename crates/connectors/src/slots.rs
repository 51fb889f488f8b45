//! A provider's places: how many of its calls run at once, and how many more may wait for one.

use std::sync::Arc;
use std::time::Duration;

use telemetry::metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// The places of one provider. Nobody else's calls wait for them.
#[derive(Clone)]
pub(crate) struct Slots {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// Why there was no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// As many wait already as may.
    QueueFull,
    /// None was free in time.
    InTime,
}

impl Slots {
    /// At least one place; `queue` calls may wait.
    pub(crate) fn new(places: u32, queue: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(permits(places).max(1))),
            waiting: Arc::new(Semaphore::new(permits(queue))),
        }
    }

    /// A place. `waiting` shows those who wait.
    pub(crate) async fn take(
        &self,
        patience: Duration,
        waiting: &Gauge,
    ) -> Result<OwnedSemaphorePermit, NoPlace> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => return Ok(place),
            Err(TryAcquireError::Closed) => return Err(NoPlace::InTime),
            Err(TryAcquireError::NoPermits) => {}
        }
        let _turn = self.waiting.try_acquire().map_err(|_| NoPlace::QueueFull)?;
        let _waits = waiting.hold();
        let place = tokio::time::timeout(patience, Arc::clone(&self.places).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or(NoPlace::InTime)
    }
}

fn permits(count: u32) -> usize {
    usize::try_from(count)
        .unwrap_or(Semaphore::MAX_PERMITS)
        .min(Semaphore::MAX_PERMITS)
}
