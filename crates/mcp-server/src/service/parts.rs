//! Small parts of the service's life.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cache::Limiter;
use connectors::Connectors;
use runtime::lifecycle::Lifecycle;
use tokio_util::sync::CancellationToken;

use crate::catalogue::Catalogue;

/// How often what connectors keep is looked through. Credentials are held for minutes.
const SWEEP: Duration = Duration::from_secs(30);

/// How often it is looked whether a credential has to be asked for: a new provider is ready for an outage after this.
const AHEAD: Duration = Duration::from_secs(5);

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

/// Keeps the credentials of providers at hand, until `stop`.
pub(super) async fn keep_credentials(
    connectors: Arc<Connectors>,
    catalogue: Catalogue,
    most: usize,
    stop: CancellationToken,
) {
    let mut beat = tokio::time::interval(AHEAD);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        let providers = catalogue.providers_with_credentials(most);
        stop.run_until_cancelled(connectors.keep_credentials(&providers))
            .await;
    }
}

/// Shows how near the rate limits are, until `stop`.
pub(super) async fn show_limits(limiter: Arc<Limiter>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(SHOW_LIMITS);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        limiter.show();
    }
}
