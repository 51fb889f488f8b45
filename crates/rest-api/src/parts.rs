//! The parts of rest-api that run by themselves.

pub mod events;
pub mod gauges;
pub mod mesh;
pub mod relay;
pub mod retention;
pub(crate) mod rewrap;
pub mod schedule;
pub mod sweeper;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Waits for `interval`; answers whether to go on.
async fn pause(stop: &CancellationToken, interval: Duration) -> bool {
    stop.run_until_cancelled(tokio::time::sleep(interval))
        .await
        .is_some()
}
