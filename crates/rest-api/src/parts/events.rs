//! Gives what has happened its numbers, as soon as it is committed.

use std::convert::Infallible;
use std::time::Duration;

use control::Control;
use tokio_util::sync::CancellationToken;

use super::pause;

/// Most events that get their numbers in one transaction.
const BATCH: u32 = 1_000;
/// Numbers are given at most so often: a burst of events is one transaction.
const GATHER: Duration = Duration::from_millis(5);
/// Without a wake-up call it looks so often: another replica may have died between the commit and the numbers.
const POLL: Duration = Duration::from_secs(1);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs until `stop`. Every replica may: they take turns.
///
/// # Errors
/// None: what fails is logged and tried again.
pub async fn run(control: Control, stop: CancellationToken) -> Result<(), Infallible> {
    let mut fresh = control.storage.events.fresh();
    loop {
        fresh.mark_unchanged();
        match control.number_events(BATCH).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "what has happened cannot be numbered");
                if !pause(&stop, AGAIN).await {
                    return Ok(());
                }
                continue;
            }
        }
        let woken = tokio::time::timeout(POLL, fresh.changed());
        if stop.run_until_cancelled(woken).await.is_none() || !pause(&stop, GATHER).await {
            return Ok(());
        }
    }
}
