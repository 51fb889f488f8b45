//! Spans of processes before this one, which were killed.

use std::sync::Weak;
use std::time::Duration;

use super::Client;
use crate::clock;
use crate::trace::{Journal, Left, LeftSpans};

/// Between two attempts: the collector may start after us.
const RETRY: Duration = Duration::from_secs(5);
/// Between two signs of life.
const ALIVE: Duration = Duration::from_secs(1);

/// Sends them until the collector has them; if this process ends first, the next one goes on.
pub(super) async fn send(client: Client, left: Left, dispatch: tracing::Dispatch) {
    let processes = left.read();
    for request in processes.iter().flat_map(LeftSpans::requests) {
        while client.send(request.clone()).await.is_err() {
            tokio::time::sleep(RETRY).await;
        }
    }
    left.remove();
    let spans: usize = processes.iter().map(|process| process.count()).sum();
    let open: usize = processes.iter().map(|process| process.cut).sum();
    if spans > 0 {
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(spans, open, "spans of a process that was killed were sent");
        });
    }
}

/// Says every second that the process lives, for as long as somebody writes to the journal.
pub(super) async fn stay_alive(journal: Weak<Journal>) {
    loop {
        tokio::time::sleep(ALIVE).await;
        let Some(journal) = journal.upgrade() else { return };
        journal.touch(clock::now());
    }
}
