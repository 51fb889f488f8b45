//! Whether the control plane is heard, said once at each turn.

use tokio::time::Instant;

use super::Broken;

/// Heard or not, and since when.
#[derive(Default)]
pub(super) enum Connection {
    /// Nothing was tried yet.
    #[default]
    New,
    /// It is heard.
    Heard,
    /// It is not, since then.
    Lost(Instant),
}

impl Connection {
    /// It is heard; the catalogue is at this number.
    pub(super) fn heard(&mut self, epoch: &str, number: i64) {
        match self {
            Self::Heard => return,
            Self::New => tracing::info!(epoch, number, "control plane connected; the catalogue is current"),
            Self::Lost(since) => {
                let downtime_seconds = since.elapsed().as_secs_f64();
                tracing::info!(
                    epoch,
                    number,
                    downtime_seconds,
                    "control plane connected again; the catalogue is current"
                );
            }
        }
        *self = Self::Heard;
    }

    /// The watch ended.
    pub(super) fn lost(&mut self, broken: &Broken) {
        match self {
            Self::Lost(_) => tracing::debug!(error = %broken, "control plane still lost"),
            Self::New => {
                tracing::warn!(error = %broken, "control plane not reached yet; trying again");
                *self = Self::Lost(Instant::now());
            }
            Self::Heard => {
                tracing::warn!(error = %broken, "control plane lost; serving from the catalogue as it is");
                *self = Self::Lost(Instant::now());
            }
        }
    }
}
