//! `monitoring.logging`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is logged, how and where to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// Least level that is logged: debug, info, warn, error; or per module, `info,rest_api=debug`. Default info.
    /// Libraries below us (HTTP, TLS, brokers, SQL) log from warn on unless they are named, that of MCP from error on.
    /// `PUT /admin/log-level` changes it at run time. Environment: `LOG_LEVEL`.
    pub level: String,
    /// `json` (one object a line, for machines) or `pretty` (for people). Default json. Environment: `LOG_FORMAT`.
    pub format: LogFormat,
    /// `stdout` or `stderr`. Default stdout; stdio transports need stderr.
    pub output: LogOutput,
    /// Which of the standard fields a JSON line carries beside `time`, `level`, `msg` and the event's own. Default: all of them.
    pub fields: Vec<LogField>,
    /// Lines that wait for the writer before further ones are dropped and counted, and kilobytes of them. Default 8192: a slow
    /// disk or terminal costs lines, never requests.
    pub queue: usize,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        LoggingConfig {
            level: "info".to_owned(),
            format: LogFormat::default(),
            output: LogOutput::default(),
            fields: LogField::ALL.to_vec(),
            queue: 8_192,
        }
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people at a terminal.
    Pretty,
}

/// Where lines go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogOutput {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// A standard field of a JSON line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogField {
    /// The service's name.
    Service,
    /// Its version.
    Version,
    /// Where it runs.
    Environment,
    /// Source file and line.
    Caller,
    /// Trace that the line belongs to.
    TraceId,
    /// Span that the line belongs to.
    SpanId,
    /// The request id.
    CorrelationId,
    /// The tenant.
    TenantId,
    /// The user or key.
    UserId,
}

impl LogField {
    /// Every standard field, in the order of a line.
    pub const ALL: &'static [LogField] = &[
        LogField::Service,
        LogField::Version,
        LogField::Environment,
        LogField::Caller,
        LogField::TraceId,
        LogField::SpanId,
        LogField::CorrelationId,
        LogField::TenantId,
        LogField::UserId,
    ];
}
