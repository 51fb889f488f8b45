//! Small parts of the service's life.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cache::Limiter;
use connectors::Connectors;
use runtime::lifecycle::Lifecycle;
use tokio_util::sync::CancellationToken;

/// How often what connectors keep is looked through. Credentials are held for minutes.
const SWEEP: Duration = Duration::from_secs(30);

/// How often the gauges of rate limits are set: a few times between two scrapes.
const SHOW_LIMITS: Duration = Duration::from_secs(5);

/// Spawns a part that cannot fail.
pub(super) fn spawn(life: &Lifecycle, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
    life.spawn(name, async move {
        part.await;
        Ok::<(), Infallible>(())
    });
}

/// Drops credentials and connections that nobody uses any more, until `stop`.
pub(super) async fn sweep(connectors: Arc<Connectors>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(SWEEP);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        connectors.sweep();
    }
}

/// Shows how near the rate limits are, until `stop`.
pub(super) async fn show_limits(limiter: Arc<Limiter>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(SHOW_LIMITS);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        limiter.show();
    }
}
