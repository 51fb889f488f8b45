//! Settings of telemetry: the keys of the observability contract, section 5.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TelemetryError;

mod logging;

pub use logging::{LogField, LogFormat, LogOutput, LoggingConfig};

/// Logs, traces and the bounds of metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Logs and metrics.
    pub monitoring: MonitoringConfig,
    /// Traces. Default: ids are made and passed on, nothing is exported.
    pub tracing: TracingConfig,
}

/// Logs and metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MonitoringConfig {
    /// What is logged, how and where to.
    pub logging: LoggingConfig,
    /// How many series a service may have.
    pub metrics: MetricsConfig,
}

/// How many series a service may have. What is beyond goes to the label value `other` and is counted in
/// `telemetry_label_overflow_total`, so that no caller can make Prometheus grow without end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Values that one label of a counter or gauge may have. Default 1000: a thousand tenants or agents are told apart.
    pub values_per_label: usize,
    /// Values that one label of a histogram may have. Default 50, because each is a series per bucket.
    pub histogram_values_per_label: usize,
    /// Series of one metric. Default 2000, which bounds the product of several labels.
    pub series_per_metric: usize,
    /// Lines of the `/metrics` page. Default 15000, about two megabytes a scrape.
    pub lines_per_page: usize,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        MetricsConfig {
            values_per_label: 1_000,
            histogram_values_per_label: 50,
            series_per_metric: 2_000,
            lines_per_page: 15_000,
        }
    }
}

/// Traces, sent over OTLP gRPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TracingConfig {
    /// Whether spans are exported. Default false, because it needs a collector; trace ids exist either way.
    /// Environment: `ENABLE_TRACING`.
    pub enabled: bool,
    /// Where the collector listens. Default `http://127.0.0.1:4317`, OTLP's own port. `https://` works with the public roots.
    /// Environment: `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: String,
    /// Share of new traces that are exported, 0 to 1; a caller's decision wins over it. Default 1: everything,
    /// for a collector that samples by the tail. Environment: `TRACING_SAMPLE_RATE`.
    pub sample_rate: f64,
    /// Spans that wait for the exporter before further ones are dropped and counted. Default 8192, about ten megabytes.
    pub queue: usize,
}

impl Default for TracingConfig {
    fn default() -> Self {
        TracingConfig {
            enabled: false,
            endpoint: "http://127.0.0.1:4317".to_owned(),
            sample_rate: 1.0,
            queue: 8_192,
        }
    }
}

impl TelemetryConfig {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// Names the key that is out of range.
    pub fn validate(&self) -> Result<(), TelemetryError> {
        let rate = self.tracing.sample_rate;
        if !(0.0..=1.0).contains(&rate) {
            let (key, expected) = ("tracing.sample_rate", "a number from 0 to 1");
            return Err(TelemetryError::Setting {
                key,
                given: rate.to_string(),
                expected,
            });
        }
        let sizes = [
            ("tracing.queue", self.tracing.queue),
            ("monitoring.logging.queue", self.monitoring.logging.queue),
            (
                "monitoring.metrics.values_per_label",
                self.monitoring.metrics.values_per_label,
            ),
            (
                "monitoring.metrics.histogram_values_per_label",
                self.monitoring.metrics.histogram_values_per_label,
            ),
            (
                "monitoring.metrics.series_per_metric",
                self.monitoring.metrics.series_per_metric,
            ),
            (
                "monitoring.metrics.lines_per_page",
                self.monitoring.metrics.lines_per_page,
            ),
        ];
        match sizes.into_iter().find(|(_, size)| *size == 0) {
            Some((key, _)) => Err(TelemetryError::Setting {
                key,
                given: "0".to_owned(),
                expected: "at least 1",
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = serde_json::from_str::<TelemetryConfig>(r#"{"tracing":{"enabeld":true}}"#).unwrap_err();
        assert!(error.to_string().contains("enabeld"), "{error}");
    }
}
