//! Looks for lost work: workers that died, messages that the broker lost.

use std::convert::Infallible;

use chrono::Duration;
use control::{Control, ControlError};
use domain::JobKind;
use tokio_util::sync::CancellationToken;

use super::pause;
use crate::config::JobsConfig;

/// Most jobs that one sweep moves; the next one moves the rest.
const BATCH: u32 = 500;

/// Puts every published job into the outbox again, because the queue lives in this process and begins empty: what the
/// process before this one had published is gone.
///
/// # Errors
/// When storage cannot answer.
pub async fn recover(control: &Control) -> Result<(), ControlError> {
    loop {
        let swept = control.sweep(Duration::zero(), BATCH).await?;
        report(
            "published again: the process ended before they ran",
            &swept.republished,
        );
        if swept.republished.len() < BATCH as usize {
            return Ok(());
        }
    }
}

/// Runs until `stop`.
///
/// # Errors
/// None: what fails is logged and tried again.
pub async fn run(control: Control, config: JobsConfig, stop: CancellationToken) -> Result<(), Infallible> {
    let lost_after = Duration::from_std(config.lost_after.get()).unwrap_or(Duration::MAX);
    while pause(&stop, config.sweep_interval.get()).await {
        match control.sweep(lost_after, BATCH).await {
            Ok(swept) => {
                report(
                    "published again: the broker lost their message",
                    &swept.republished,
                );
                report(
                    "waiting for another attempt: their worker was lost",
                    &swept.retried,
                );
                report(
                    "failed: their worker was lost and no attempt is left",
                    &swept.failed,
                );
                report(
                    "in doubt: their worker was lost in the middle of a write",
                    &swept.in_doubt,
                );
            }
            Err(error) => tracing::warn!(%error, "lost jobs cannot be looked for"),
        }
    }
    Ok(())
}

fn report(what: &str, kinds: &[JobKind]) {
    if !kinds.is_empty() {
        tracing::warn!(jobs = kinds.len(), "swept jobs: {what}");
    }
}
