//! Reads the gauges that only the database and the cache know.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cache::{Limiter, ServerGauges};
use control::{Control, ControlError};
use domain::JobKind;
use domain::ports::Cache;
use telemetry::Telemetry;
use tokio_util::sync::CancellationToken;

use super::pause;
use crate::metrics::{BackupMetrics, JobMetrics, KeyMetrics};

/// Below the usual scrape interval of 15 s.
const EVERY: Duration = Duration::from_secs(5);

/// Runs until `stop`.
///
/// # Errors
/// None: what fails is logged and tried again.
pub async fn run(
    control: Control,
    (jobs, keys, telemetry): (JobMetrics, KeyMetrics, Telemetry),
    limiter: Arc<Limiter>,
    (cache, server): (Arc<dyn Cache>, ServerGauges),
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut backups = None;
    loop {
        if let Err(error) = read(&control, &jobs, &keys).await {
            tracing::debug!(%error, "gauges cannot be read");
        }
        if let Err(error) = read_backups(&control, &telemetry, &mut backups).await {
            tracing::debug!(%error, "the age of the last back-up cannot be read");
        }
        limiter.show();
        if let Err(error) = server.read(cache.as_ref()).await {
            tracing::debug!(%error, "the cache's figures cannot be read");
        }
        if !pause(&stop, EVERY).await {
            return Ok(());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
async fn read(control: &Control, jobs: &JobMetrics, keys: &KeyMetrics) -> Result<(), ControlError> {
    let now = control.clock.now();
    for stats in control.storage.jobs.stats(now).await? {
        let queue = [stats.priority.as_str()];
        jobs.depth.with(queue).set(stats.depth as f64);
        jobs.oldest_age.with(queue).set(stats.oldest_age_seconds);
        jobs.outbox_pending.with(queue).set(stats.outbox_pending as f64);
    }
    let in_doubt = control.storage.jobs.in_doubt().await?;
    for kind in JobKind::ALL {
        let count = in_doubt
            .iter()
            .find(|(k, _)| *k == kind)
            .map_or(0, |(_, count)| *count);
        jobs.in_doubt.with([kind.as_str()]).set(count as f64);
    }
    keys.active
        .set(control.storage.keys.count_active(now).await? as f64);
    Ok(())
}

/// There is no series before the first back-up: a 0 would be one of 1970.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
async fn read_backups(
    control: &Control,
    telemetry: &Telemetry,
    shown: &mut Option<BackupMetrics>,
) -> Result<(), ControlError> {
    if let Some(begun) = control.storage.database.last_backup().await? {
        let metrics = shown.get_or_insert_with(|| BackupMetrics::new(telemetry));
        metrics.last_success.set(begun.timestamp() as f64);
    }
    Ok(())
}
