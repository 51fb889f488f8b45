//! Publishes due jobs: at once when storage says that one may have become due, and at every interval.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use control::Control;
use domain::ports::Queue;
use tokio_util::sync::CancellationToken;

use crate::config::JobsConfig;
use crate::metrics::JobMetrics;

/// Runs until `stop`.
///
/// # Errors
/// None: what fails is logged and tried again.
pub async fn run(
    control: Control,
    queue: Arc<dyn Queue>,
    config: JobsConfig,
    metrics: JobMetrics,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut posted = control.storage.jobs.posted();
    let mut troubled = false;
    loop {
        posted.mark_unchanged();
        let outcome = round(&control, queue.as_ref(), config.relay_batch, &metrics).await;
        if let Err(trouble) = &outcome
            && !troubled
        {
            tracing::warn!(error = %trouble, "jobs cannot be published; they wait in the outbox");
        }
        if outcome.is_ok() && troubled {
            tracing::info!("jobs are published again");
        }
        troubled = outcome.is_err();
        if outcome.is_ok_and(|more| more) {
            continue;
        }
        // After trouble only the interval counts: a broker that is away is not asked at every enqueue.
        let wait = async {
            let tick = tokio::time::sleep(config.relay_interval.get().max(Duration::from_millis(10)));
            if troubled {
                tick.await;
            } else {
                tokio::select! { () = tick => {}, _ = posted.changed() => {} }
            }
        };
        if stop.run_until_cancelled(wait).await.is_none() {
            return Ok(());
        }
    }
}

/// One round; answers whether there is probably more.
async fn round(
    control: &Control,
    queue: &dyn Queue,
    batch: u32,
    metrics: &JobMetrics,
) -> Result<bool, String> {
    let relayed = control
        .relay(queue, batch)
        .await
        .map_err(|error| error.to_string())?;
    for kind in &relayed.published {
        metrics.published.with([kind.as_str()]).increment(1);
    }
    match relayed.refused {
        Some(reason) => Err(reason),
        None => Ok(relayed.published.len() >= batch as usize),
    }
}
