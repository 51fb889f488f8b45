//! The regular jobs of every provider.

use std::convert::Infallible;
use std::time::Duration as StdDuration;

use chrono::Duration;
use control::Control;
use tokio_util::sync::CancellationToken;

use super::pause;
use crate::config::JobsConfig;

/// Runs until `stop`. Each interval has one job a provider, however often and on however many replicas this asks.
///
/// # Errors
/// None: what fails is logged and tried again.
pub async fn run(control: Control, config: JobsConfig, stop: CancellationToken) -> Result<(), Infallible> {
    let chrono = |every: StdDuration| Duration::from_std(every).unwrap_or(Duration::MAX);
    let (refresh, health) = (
        chrono(config.refresh_interval.get()),
        chrono(config.health_interval.get()),
    );
    let tick =
        (config.refresh_interval.get().min(config.health_interval.get()) / 4).max(StdDuration::from_secs(1));
    while pause(&stop, tick).await {
        if let Err(error) = control.schedule_refreshes(refresh).await {
            tracing::warn!(%error, "refreshes cannot be scheduled");
        }
        if let Err(error) = control.schedule_health_checks(health).await {
            tracing::warn!(%error, "health checks cannot be scheduled");
        }
    }
    Ok(())
}
