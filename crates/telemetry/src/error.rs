//! What can be wrong with telemetry: only settings. Once started it drops and counts, and never fails the work.

/// A setting that telemetry cannot start, or change, with.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A log level or filter that does not parse.
    #[error(
        "log level {given:?}: {reason}; expected debug, info, warn, error or a list such as info,h2=debug"
    )]
    Level {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting outside its range.
    #[error("{key} = {given}: expected {expected}")]
    Setting {
        /// The key in the config file.
        key: &'static str,
        /// What was given.
        given: String,
        /// What would fit.
        expected: &'static str,
    },
    /// The OTLP exporter could not be built (bad endpoint, no TLS).
    #[error("trace exporter for {endpoint}: {reason}")]
    Exporter {
        /// The endpoint in question.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
    /// The system refused a thread.
    #[error("cannot start telemetry's threads: {0}")]
    Thread(#[from] std::io::Error),
}
