//! The settings of `devmesh up`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
