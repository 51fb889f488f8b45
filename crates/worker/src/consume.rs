//! Takes messages from the broker, and subscribes again when the connection breaks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::{Delivery, Queue};
use futures::StreamExt;
use runtime::lifecycle::Lifecycle;
use tokio_util::sync::DropGuard;
use tracing::Instrument;

use crate::attempt::{Runner, Verdict};

/// Longest pause between two tries to subscribe.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Runs until the soft stop. Jobs in flight are tasks of the lifecycle, so the drain waits for them. `at_work` is
/// dropped when this has ended and so has the last job.
///
/// # Errors
/// None: what fails is logged and tried again.
pub async fn run(
    queue: Arc<dyn Queue>,
    prefetch: u16,
    runner: Arc<Runner>,
    at_work: Arc<DropGuard>,
    life: Lifecycle,
) -> Result<(), Infallible> {
    let stop = life.soft_stop();
    let mut pause = Duration::from_millis(100);
    while !stop.is_cancelled() {
        match queue.subscribe(prefetch).await {
            Ok(mut deliveries) => {
                tracing::info!(prefetch, "taking jobs");
                pause = Duration::from_millis(100);
                while let Some(Some(delivery)) = stop.run_until_cancelled(deliveries.next()).await {
                    let (runner, at_work) = (Arc::clone(&runner), Arc::clone(&at_work));
                    life.spawn_task(async move {
                        handle(&runner, delivery).await;
                        drop(at_work);
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "jobs cannot be taken; trying again"),
        }
        let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
    Ok(())
}

async fn handle(runner: &Runner, delivery: Box<dyn Delivery>) {
    let message = match delivery.message() {
        Ok(message) => message.clone(),
        Err(reason) => {
            tracing::error!(
                reason,
                "a message cannot be read; it is put aside among the dead letters"
            );
            runner.metrics().dead_lettered.with(["unknown"]).increment(1);
            return answered(delivery.dead_letter().await);
        }
    };
    let span = telemetry::propagation::span_from(&message.trace, || {
        tracing::info_span!(
            "job",
            otel.name = format_args!("process {}", message.kind.as_str()),
            otel.kind = "consumer",
            messaging.system = delivery.system(),
            messaging.operation.name = "process",
            messaging.operation.type = "process",
            messaging.message.id = %message.job_id,
            tenant_id = %message.tenant_id,
            job_id = %message.job_id,
        )
    });
    let verdict = runner.run(&message).instrument(span).await;
    answered(match verdict {
        Verdict::Acknowledge => delivery.acknowledge().await,
        Verdict::Requeue => delivery.requeue().await,
    });
}

/// A message that could not be answered comes again, and its claim is then superseded.
fn answered(result: Result<(), domain::ports::QueueError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a message could not be answered; it comes again");
    }
}
