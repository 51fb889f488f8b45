//! Follows the key-encryption keys: reads their file when it has changed, and seals under the first what another sealed.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use control::seals::Seals;
use control::{Control, ControlError};
use telemetry::Telemetry;
use tokio_util::sync::CancellationToken;

use super::pause;
use crate::metrics::SealMetrics;
use crate::service::SealingKeys;

/// How often the file of keys is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The part.
pub struct Rewrap {
    keys: SealingKeys,
    interval: Duration,
    metrics: SealMetrics,
    /// What the health check says.
    trouble: Arc<Mutex<Option<String>>>,
}

impl Rewrap {
    pub(crate) fn new(keys: SealingKeys, interval: runtime::config::Duration, telemetry: &Telemetry) -> Self {
        let trouble: Arc<Mutex<Option<String>>> = Arc::default();
        let shown = Arc::clone(&trouble);
        // Calls that need no credential, or one that opens, go on.
        telemetry.health().register("credentials", false, move || {
            let trouble = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            async move { trouble.map_or(Ok(()), Err) }
        });
        Self {
            keys,
            interval: interval.get(),
            metrics: SealMetrics::new(telemetry),
            trouble,
        }
    }

    /// Runs until `stop`.
    ///
    /// # Errors
    /// None: what fails is logged and tried again.
    pub(crate) async fn run(self, control: Control, stop: CancellationToken) -> Result<(), Infallible> {
        loop {
            let refused = control.vault.replace(&self.keys.now()).err();
            let looked = match refused {
                Some(error) => Err(error.to_string()),
                None => self.round(&control).await.map_err(|error| error.to_string()),
            };
            if let Err(error) = &looked {
                tracing::warn!(%error, "credentials cannot be sealed under the first key");
            }
            self.say(looked.err());
            let before = control.vault.key_ids();
            let mut waited = Duration::ZERO;
            while waited < self.interval && self.ids() == before {
                if !pause(&stop, LOOK.min(self.interval)).await {
                    return Ok(());
                }
                waited += LOOK.min(self.interval);
            }
        }
    }

    fn ids(&self) -> Vec<String> {
        self.keys.now().into_iter().map(|(id, _)| id).collect()
    }

    async fn round(&self, control: &Control) -> Result<(), RoundError> {
        let moved = control.rewrap().await?;
        self.metrics.rewrapped.increment(moved);
        let seals = control.seals().await?;
        self.show(&seals);
        if moved > 0 {
            tracing::info!(
                moved,
                left = seals.under_old,
                key = %seals.first,
                "secrets are sealed under the first key-encryption key now"
            );
        }
        if seals.unopenable.is_empty() {
            return Ok(());
        }
        let named = |key: &String| match seals.wrong.contains(key) {
            true => format!("{key} (the one of that name is another one)"),
            false => key.clone(),
        };
        let keys: Vec<_> = seals.unopenable.keys().map(named).collect();
        let closed: Vec<_> = seals.closed.into_iter().collect();
        Err(RoundError::Unopenable {
            keys: keys.join(", "),
            closed: closed.join(", "),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn show(&self, seals: &Seals) {
        self.metrics.under_old.set(seals.under_old as f64);
        let unopenable: u64 = seals.unopenable.values().sum();
        self.metrics.unopenable.set(unopenable as f64);
    }

    fn say(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(
        "some are sealed under a key-encryption key that is not configured: {keys}. Put it back; until then these do not open: \
         {closed}"
    )]
    Unopenable { keys: String, closed: String },
}
