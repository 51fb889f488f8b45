//! A change of log levels at run time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::filter::Levels;
use crate::telemetry::Telemetry;

/// `{"level": "debug"}`, `{"level": "debug", "module": "rest_api::jobs"}`, either with `"for_seconds": 60`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelChange {
    /// The level, or levels as in `LOG_LEVEL`.
    pub level: String,
    /// Of this module alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Falls back after so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u32>,
}

impl LevelChange {
    /// Whether it names a level.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.level.trim().is_empty() {
            return Err("level: expected off, error, warn, info, debug or trace".to_owned());
        }
        Levels::parse(&self.level)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

impl Telemetry {
    /// Changes the log level of this service, and says so in its log. Answers the levels that hold now.
    ///
    /// # Errors
    /// When it is no level.
    #[expect(
        clippy::disallowed_methods,
        reason = "a timer whose loss at shutdown loses nothing"
    )]
    pub fn change_log_level(&self, change: &LevelChange) -> Result<String, String> {
        change.check()?;
        let levels = self.log_levels();
        let module = change.module.as_deref();
        let result = match (change.for_seconds, module) {
            (Some(seconds), module) => {
                let time = Duration::from_secs(seconds.into());
                levels
                    .set_for(module, &change.level, time)
                    .map(|change| drop(tokio::spawn(change.wait())))
            }
            (None, Some(module)) => levels.set_module(module, &change.level),
            (None, None) => levels.set(&change.level),
        };
        result.map_err(|error| error.to_string())?;
        let level = self.log_level();
        tracing::warn!(to = %level, "log level changed to {level}");
        Ok(level)
    }

    /// The log levels that hold now.
    #[must_use]
    pub fn log_level(&self) -> String {
        self.log_levels().current()
    }
}
