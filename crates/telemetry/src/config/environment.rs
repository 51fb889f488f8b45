//! Environment variables over the file, as the contract names them.

use super::{LogFormat, TelemetryConfig};
use crate::error::TelemetryError;

impl TelemetryConfig {
    /// Lets `LOG_LEVEL`, `LOG_FORMAT`, `ENABLE_TRACING`, `TRACING_SAMPLE_RATE` and `OTEL_EXPORTER_OTLP_ENDPOINT`
    /// override the file. `lookup` reads a variable; an empty value counts as unset.
    ///
    /// # Errors
    /// Names the variable whose value does not fit.
    pub fn with_environment(
        mut self,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TelemetryError> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        if let Some(level) = get("LOG_LEVEL") {
            self.monitoring.logging.level = level;
        }
        if let Some(format) = get("LOG_FORMAT") {
            self.monitoring.logging.format = format_from(&format)?;
        }
        if let Some(enabled) = get("ENABLE_TRACING") {
            self.tracing.enabled = enabled_from(&enabled)?;
        }
        if let Some(rate) = get("TRACING_SAMPLE_RATE") {
            self.tracing.sample_rate = rate_from(&rate)?;
        }
        if let Some(endpoint) = get("OTEL_EXPORTER_OTLP_ENDPOINT") {
            self.tracing.endpoint = endpoint;
        }
        Ok(self)
    }
}

fn format_from(given: &str) -> Result<LogFormat, TelemetryError> {
    match given.to_ascii_lowercase().as_str() {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err(unfit("LOG_FORMAT", given, "json or pretty")),
    }
}

fn enabled_from(given: &str) -> Result<bool, TelemetryError> {
    match given.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(unfit("ENABLE_TRACING", given, "true or false")),
    }
}

fn rate_from(given: &str) -> Result<f64, TelemetryError> {
    let rate = given.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
    rate.ok_or_else(|| unfit("TRACING_SAMPLE_RATE", given, "a number from 0 to 1"))
}

fn unfit(variable: &'static str, given: &str, expected: &'static str) -> TelemetryError {
    TelemetryError::Environment {
        variable,
        given: given.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_overrides_the_file() {
        let variables = |name: &str| match name {
            "LOG_LEVEL" => Some("debug".to_owned()),
            "ENABLE_TRACING" => Some("true".to_owned()),
            "TRACING_SAMPLE_RATE" => Some("0.25".to_owned()),
            "LOG_FORMAT" => Some(String::new()),
            _ => None,
        };
        let config = TelemetryConfig::default().with_environment(variables).unwrap();
        assert_eq!(config.monitoring.logging.level, "debug");
        assert_eq!(
            config.monitoring.logging.format,
            LogFormat::Json,
            "empty means unset"
        );
        assert!(config.tracing.enabled);
        assert!((config.tracing.sample_rate - 0.25).abs() < f64::EPSILON);
    }

    #[test]
    fn a_variable_that_does_not_fit_is_named() {
        let variables = |name: &str| (name == "TRACING_SAMPLE_RATE").then(|| "7".to_owned());
        let error = TelemetryConfig::default()
            .with_environment(variables)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"TRACING_SAMPLE_RATE="7": expected a number from 0 to 1"#
        );
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = serde_json::from_str::<TelemetryConfig>(r#"{"tracing":{"enabeld":true}}"#).unwrap_err();
        assert!(error.to_string().contains("enabeld"), "{error}");
    }
}
