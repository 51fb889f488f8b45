//! The settings of `devmesh up`.

use std::path::Path;

use runtime::config::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use telemetry::ring::{RingBounds, TraceRing};

/// The settings of `devmesh up`: those of the three services, and what they share because they are one process.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the installation, for example `production`: the `environment` of every metric and log line.
    pub environment: String,
    /// Logs and the bounds of metrics, for all three. On a terminal logs go to `devmesh.log` in the data directory.
    pub monitoring: telemetry::MonitoringConfig,
    /// Traces, for all three.
    pub tracing: telemetry::TracingConfig,
    /// The last traces, kept for `devmesh trace`.
    pub traces: TracesConfig,
    /// Whether the mesh's own HTTP API becomes the provider `mesh` (read operations only) at the first start, so that
    /// there is a tool to call at once.
    pub mesh_provider: bool,
    /// The control plane. Its paths are below the data directory unless they are set here; service key, key-encryption
    /// key, queue and link are made by `devmesh up`.
    pub rest_api: rest_api::Config,
    /// The agents' edge.
    pub mcp_server: mcp_server::Config,
    /// The worker.
    pub worker: worker::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: "development".to_owned(),
            monitoring: telemetry::MonitoringConfig::default(),
            tracing: telemetry::TracingConfig::default(),
            traces: TracesConfig::default(),
            mesh_provider: true,
            rest_api: rest_api::Config::default(),
            mcp_server: mcp_server::Config::default(),
            worker: worker::Config::default(),
        }
    }
}

impl Config {
    /// What telemetry is told, for each service alike.
    #[must_use]
    pub fn telemetry(&self) -> telemetry::TelemetryConfig {
        telemetry::TelemetryConfig {
            monitoring: self.monitoring.clone(),
            tracing: self.tracing.clone(),
        }
    }
}

/// The last traces, kept for `devmesh trace`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    /// How many are kept. Default 10000; 0 keeps none.
    pub kept: usize,
    /// Most memory for them. Default 64 MiB: a tool call's trace has four to seven kilobytes of it, a job's fifteen.
    pub memory: ByteSize,
    /// How many new ones a second are recorded, over ten seconds. Default 100: all of them while people and agents try
    /// things, and under load a cost that does not grow with it. With `tracing.enabled` its own ratio decides instead; a
    /// caller's decision (`traceparent`, `X-Debug-Trace`) always wins.
    pub per_second: u32,
    /// Whether they are in the data directory too (`traces`, as many bytes again), so that they are there after a restart and
    /// a kill. Default true.
    pub on_disk: bool,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            kept: 10_000,
            memory: ByteSize::mib(64),
            per_second: 100,
            on_disk: true,
        }
    }
}

impl TracesConfig {
    /// The ring, unless none are kept; where `dir` cannot be used, in memory alone, and why.
    pub fn ring(&self, dir: &Path) -> (Option<TraceRing>, Option<std::io::Error>) {
        let bounds = RingBounds {
            traces: self.kept,
            bytes: self.memory.as_len(),
            per_second: self.per_second,
        };
        if self.kept == 0 {
            return (None, None);
        }
        if !self.on_disk {
            return (Some(TraceRing::new(bounds)), None);
        }
        match TraceRing::open(bounds, dir) {
            Ok(ring) => (Some(ring), None),
            Err(error) => (Some(TraceRing::new(bounds)), Some(error)),
        }
    }
}
