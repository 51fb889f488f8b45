//! A change of log levels at run time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LogLevels;
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

const EXPECTED: &str = "level: expected error, warn, info, debug or trace";

impl LevelChange {
    /// Whether it names levels, and modules that there can be. Nothing turns all lines off at run time: who did could not
    /// be seen to.
    ///
    /// # Errors
    /// Which field is wrong, and why.
    pub fn check(&self, levels: &LogLevels) -> Result<(), String> {
        if self.level.trim().is_empty() {
            return Err(EXPECTED.to_owned());
        }
        let wanted = Levels::parse(&self.level).map_err(|error| format!("level: {error}"))?;
        if self.module.is_none() && wanted.is_off() {
            return Err(format!("{EXPECTED}; off only for a module"));
        }
        let of_level = wanted.modules().map(|module| ("level", module));
        let of_module = self.module.iter().map(|module| ("module", module.as_str()));
        for (field, module) in of_level.chain(of_module) {
            let known = levels.modules().check(module);
            known.map_err(|problem| format!("{field}: {problem}"))?;
        }
        Ok(())
    }
}

impl Telemetry {
    /// Changes the log level of this service, and says so in its log. Answers the levels that hold now.
    ///
    /// # Errors
    /// What is wrong with it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a timer whose loss at shutdown loses nothing"
    )]
    pub fn change_log_level(&self, change: &LevelChange) -> Result<String, String> {
        let levels = self.log_levels();
        change.check(levels)?;
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
        result.map_err(|error| format!("level: {error}"))?;
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
