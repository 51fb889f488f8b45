//! Settings of telemetry: the keys of the observability contract, section 5.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TelemetryError;

mod logging;
mod otlp;

pub use logging::{LogField, LogFormat, LogOutput, LoggingConfig};
pub use otlp::{Exporter, OtlpConfig, OtlpHeaders, OtlpProtocol};

/// OTLP's own port for gRPC.
pub(crate) const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4317";

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
    /// What is sent to a collector besides traces, and how all of it is sent.
    pub otlp: OtlpConfig,
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

/// Who may have a request looked at closely: `X-Debug-Trace: true` exports its trace whatever the share is, and writes its
/// debug lines, in every service that takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DebugRequests {
    /// Nobody: the header means nothing.
    Nobody,
    /// Who shows an admin's key.
    Admin,
    /// Who shows a valid key.
    #[default]
    Authenticated,
    /// Everybody, also who is turned away.
    Anyone,
}

/// Who decides which traces are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SamplingMode {
    /// The service where a trace begins.
    #[default]
    Head,
    /// The collector, when it has seen the trace.
    Tail,
}

/// OpenTelemetry's parent-based samplers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeadSampler {
    /// The share.
    #[default]
    ParentbasedTraceidratio,
    /// Every trace.
    ParentbasedAlwaysOn,
    /// No trace but those of which the caller says so.
    ParentbasedAlwaysOff,
}

/// Traces, sent over OTLP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TracingConfig {
    /// Whether spans are exported. Default false, because it needs a collector; trace ids exist either way.
    /// Environment: `ENABLE_TRACING`.
    pub enabled: bool,
    /// Where the collector listens. Default `http://127.0.0.1:4317`, OTLP's own port. `https://` works with the public roots.
    /// Environment: `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: String,
    /// `head` or `tail`: who decides which traces are kept. Default head. With `head` the share decides when a trace begins,
    /// which is cheap, and makes no promise for errors. With `tail` every span is sent and the share means nothing here: a
    /// collector behind keeps errors, slow and debug traces and a share of the rest. Environment: `TRACING_MODE`.
    pub mode: SamplingMode,
    /// Share of new traces that are exported in the mode `head`, 0 to 1; a caller's decision wins over it. Default 1.
    /// Environment: `TRACING_SAMPLE_RATE`, or `OTEL_TRACES_SAMPLER_ARG`.
    pub sample_rate: f64,
    /// OpenTelemetry's name of the mode `head`'s rule: `parentbased_traceidratio` (the share), `parentbased_always_on` (1) or
    /// `parentbased_always_off` (0). Default the share. A sampler that ignores its parent would cut traces in two, so there is
    /// none. Environment: `OTEL_TRACES_SAMPLER`.
    pub sampler: HeadSampler,
    /// `none` exports no traces even if `enabled`. Default otlp. Environment: `OTEL_TRACES_EXPORTER`.
    pub exporter: Exporter,
    /// Whose `X-Debug-Trace: true` counts: `nobody`, `admin`, `authenticated` or `anyone`. Default authenticated: an agent's
    /// owner can follow one call of its own, and nobody without a key can make the services write more.
    pub debug_requests: DebugRequests,
    /// Spans that wait for the exporter before further ones are dropped and counted. Default 8192, about ten megabytes.
    pub queue: usize,
    /// Bytes on disk, beside the service's other data, for spans that a kill must not take: those that have begun and
    /// whose id others have, and those that have ended and were not sent yet. The next start sends them, so that a trace
    /// stays one tree. Default 16 MiB: ten thousand spans that the collector has not taken
    /// yet, and as many that it has. 0: none.
    pub journal_bytes: usize,
}

impl Default for TracingConfig {
    fn default() -> Self {
        TracingConfig {
            enabled: false,
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            mode: SamplingMode::default(),
            sample_rate: 1.0,
            sampler: HeadSampler::default(),
            exporter: Exporter::Otlp,
            debug_requests: DebugRequests::default(),
            queue: 8_192,
            journal_bytes: 16 << 20,
        }
    }
}

impl TracingConfig {
    /// Whether spans are sent.
    pub(crate) fn is_on(&self) -> bool {
        self.enabled && self.exporter == Exporter::Otlp
    }

    /// The share of new traces.
    pub(crate) fn share(&self) -> f64 {
        match (self.mode, self.sampler) {
            (SamplingMode::Tail, _) | (_, HeadSampler::ParentbasedAlwaysOn) => 1.0,
            (_, HeadSampler::ParentbasedAlwaysOff) => 0.0,
            (_, HeadSampler::ParentbasedTraceidratio) => self.sample_rate,
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
            ("monitoring.otlp.logs_queue", self.monitoring.otlp.logs_queue),
            (
                "monitoring.otlp.timeout_ms",
                at_least(self.monitoring.otlp.timeout_ms),
            ),
            (
                "monitoring.otlp.metrics_interval_ms",
                at_least(self.monitoring.otlp.metrics_interval_ms),
            ),
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

fn at_least(milliseconds: u64) -> usize {
    usize::try_from(milliseconds).unwrap_or(usize::MAX)
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
