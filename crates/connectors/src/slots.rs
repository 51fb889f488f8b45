//! A provider's places: how many of its calls run at once.

use std::sync::Arc;
use std::time::Duration;

use telemetry::metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one provider.
#[derive(Clone)]
pub(crate) struct Slots(Arc<Semaphore>);

impl Slots {
    /// At least one place.
    pub(crate) fn new(places: u32) -> Self {
        let places = usize::try_from(places)
            .unwrap_or(Semaphore::MAX_PERMITS)
            .clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(places)))
    }

    /// A place, or none if there was none in time. `waiting` shows those who wait.
    pub(crate) async fn take(&self, patience: Duration, waiting: &Gauge) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.0).try_acquire_owned() {
            return Some(place);
        }
        let _waits = waiting.hold();
        tokio::time::timeout(patience, Arc::clone(&self.0).acquire_owned())
            .await
            .ok()?
            .ok()
    }
}
