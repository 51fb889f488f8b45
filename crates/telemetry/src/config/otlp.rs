//! `monitoring.otlp`: what is sent to a collector besides traces, and how all of it is sent.

use std::fmt;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// What is sent over OTLP besides traces (`tracing`), and how all three signals are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// `otlp` sends the metrics to the collector too. Default none: `/metrics` has them. Environment: `OTEL_METRICS_EXPORTER`.
    pub metrics_exporter: Exporter,
    /// `otlp` sends the log lines to the collector too. Default none: standard output has them.
    /// Environment: `OTEL_LOGS_EXPORTER`.
    pub logs_exporter: Exporter,
    /// `grpc` or `http/protobuf`. Default grpc. With HTTP and no endpoint given, port 4318. Environment: `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub protocol: OtlpProtocol,
    /// Where traces go instead of `tracing.endpoint`; with HTTP the whole URL. Environment: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    pub traces_endpoint: Option<String>,
    /// The same for metrics. Environment: `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`.
    pub metrics_endpoint: Option<String>,
    /// The same for logs. Environment: `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`.
    pub logs_endpoint: Option<String>,
    /// Headers of every export, `name=value,name=value`, values percent-encoded; often a key of the collector, so it is
    /// never shown. Environment: `OTEL_EXPORTER_OTLP_HEADERS`.
    pub headers: OtlpHeaders,
    /// Milliseconds that one export may take before its content is dropped and counted. Default 10000, OpenTelemetry's own.
    /// Environment: `OTEL_EXPORTER_OTLP_TIMEOUT`.
    pub timeout_ms: u64,
    /// Milliseconds between two exports of the metrics. Default 60000, OpenTelemetry's own.
    /// Environment: `OTEL_METRIC_EXPORT_INTERVAL`.
    pub metrics_interval_ms: u64,
    /// Log lines that wait for the exporter before further ones are dropped and counted. Default 8192.
    pub logs_queue: usize,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        OtlpConfig {
            metrics_exporter: Exporter::None,
            logs_exporter: Exporter::None,
            protocol: OtlpProtocol::default(),
            traces_endpoint: None,
            metrics_endpoint: None,
            logs_endpoint: None,
            headers: OtlpHeaders::default(),
            timeout_ms: 10_000,
            metrics_interval_ms: 60_000,
            logs_queue: 8_192,
        }
    }
}

/// Whether a signal is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exporter {
    /// To the collector.
    Otlp,
    /// Nowhere.
    None,
}

/// How it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OtlpProtocol {
    /// gRPC.
    #[default]
    #[serde(rename = "grpc")]
    Grpc,
    /// Protobuf over HTTP.
    #[serde(rename = "http/protobuf")]
    Http,
}

/// Headers that may hold a key; never shown.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct OtlpHeaders(#[schemars(with = "String")] SecretString);

impl OtlpHeaders {
    /// As `OTEL_EXPORTER_OTLP_HEADERS` spells them.
    #[must_use]
    pub fn new(text: &str) -> Self {
        OtlpHeaders(text.into())
    }

    pub(crate) fn text(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for OtlpHeaders {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl fmt::Debug for OtlpHeaders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl Serialize for OtlpHeaders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.text().is_empty() { "" } else { "***" })
    }
}
