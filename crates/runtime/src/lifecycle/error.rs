//! Why a service did not stop cleanly.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why a service did not stop cleanly. The first cause is kept; later ones are logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// A part returned `Ok` although nobody had asked it to stop: what it did is no longer being done.
    #[error("{service}: part `{part}` ended without being asked to")]
    PartEnded {
        /// The service's name.
        service: Arc<str>,
        /// The part's name.
        part: &'static str,
    },
    /// A part returned an error, before or during the stop.
    #[error("{service}: part `{part}` failed")]
    PartFailed {
        /// The service's name.
        service: Arc<str>,
        /// The part's name.
        part: &'static str,
        /// What it returned.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A part panicked.
    #[error("{service}: part `{part}` panicked: {message}")]
    PartPanicked {
        /// The service's name.
        service: Arc<str>,
        /// The part's name.
        part: &'static str,
        /// The panic's message.
        message: String,
    },
    /// The drain deadline passed, or a hard stop was asked for, with work still in flight.
    #[error("{service}: stopped with work in flight after {}: parts {parts:?}, {tasks} tasks", humantime::format_duration(*waited))]
    NotDrained {
        /// The service's name.
        service: Arc<str>,
        /// How long the drain lasted.
        waited: Duration,
        /// The parts that had not ended.
        parts: Vec<&'static str>,
        /// How many background tasks had not ended.
        tasks: usize,
    },
}

/// An error followed by what caused it: `a: b: c`.
pub(super) struct WithSources<'a>(pub(super) &'a dyn Error);

impl fmt::Display for WithSources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
