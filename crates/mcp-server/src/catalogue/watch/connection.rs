//! Whether the control plane is heard, said once at each turn.

use tokio::time::Instant;

use super::Broken;

/// Heard or not, and since when.
#[derive(Default)]
pub(super) struct Connection {
    was_heard: bool,
    lost: Option<Instant>,
}

impl Connection {
    /// It is heard; the catalogue is at this number.
    pub(super) fn heard(&mut self, epoch: &str, number: i64) {
        match (self.was_heard, self.lost.take()) {
            (true, None) => {}
            (false, _) => tracing::info!(epoch, number, "control plane connected; the catalogue is current"),
            (true, Some(since)) => {
                let downtime_seconds = since.elapsed().as_secs_f64();
                tracing::info!(
                    epoch,
                    number,
                    downtime_seconds,
                    "control plane connected again; the catalogue is current"
                );
            }
        }
        self.was_heard = true;
    }

    /// The watch ended.
    pub(super) fn lost(&mut self, broken: &Broken) {
        match (self.lost, self.was_heard) {
            (Some(_), _) => tracing::debug!(error = %broken, "control plane still lost"),
            (None, false) => tracing::warn!(error = %broken, "control plane not reached yet; trying again"),
            (None, true) => {
                tracing::warn!(error = %broken, "control plane lost; serving from the catalogue as it is");
            }
        }
        self.lost.get_or_insert_with(Instant::now);
    }
}
