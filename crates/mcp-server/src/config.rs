//! The settings of mcp-server.

use connectors::EgressConfig;
use runtime::admin::AdminConfig;
use runtime::config::{Duration, Secret};
use runtime::listen::ListenConfig;
use runtime::tls::{TlsFileError, authorities};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uplink::{ControlPlaneConfig, SpoolConfig};

use crate::BuildError;
use crate::catalogue::CatalogueConfig;
use crate::engine::EngineConfig;
use crate::limits::LimitsConfig;
use crate::session::SessionConfig;
use crate::transport::TransportConfig;
use crate::ws::WebSocketConfig;

/// The settings of mcp-server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the installation, for example `production`: the `environment` of every metric and log line.
    pub environment: String,
    /// Where `/mcp`, `/metrics` and `/health` are served. Loopback until told otherwise, because it speaks plain HTTP
    /// until `tls` is set. It takes 21000 connections, so that `websocket.max_connections` leave 1000 places for requests,
    /// probes and scrapes; as many or fewer than those it does not start with.
    pub listen: ListenConfig,
    /// How long calls in flight may take to end after SIGTERM. Below the 30 s that Kubernetes grants.
    pub drain: Duration,
    /// How long after SIGTERM, before the drain, requests are still taken while `/health/ready` already says no: so long
    /// may a balancer take to notice. 0s by default; in Kubernetes the pod's `preStop` is this time.
    pub drain_notice: Duration,
    /// Bearer token of the admin endpoints (`/admin/*`, `/debug/*`); without it they answer 403.
    pub admin_token: Option<Secret>,
    /// Where `/admin/*` and `/debug/*` are.
    pub admin: AdminConfig,
    /// Where rest-api is.
    pub control_plane: ControlPlaneConfig,
    /// How long the edge serves from what it knows.
    pub catalogue: CatalogueConfig,
    /// How requests reach the MCP endpoint.
    pub http: TransportConfig,
    /// How agents are connected over WebSocket.
    pub websocket: WebSocketConfig,
    /// How MCP requests are answered.
    pub mcp: EngineConfig,
    /// Rate limits of those who have none of their own.
    pub limits: LimitsConfig,
    /// Sessions of the older eras of MCP.
    pub sessions: SessionConfig,
    /// What replicas share.
    pub cache: CacheConfig,
    /// Requests to upstreams.
    pub egress: EgressConfig,
    /// Where audit records wait until rest-api has them.
    pub spool: SpoolConfig,
    /// Logs and the bounds of metrics.
    pub monitoring: telemetry::MonitoringConfig,
    /// Traces.
    pub tracing: telemetry::TracingConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: "development".to_owned(),
            listen: ListenConfig {
                max_connections: 21_000,
                ..ListenConfig::at("127.0.0.1:8080")
            },
            drain: Duration::from_secs(25),
            drain_notice: Duration::default(),
            admin_token: None,
            admin: AdminConfig::default(),
            control_plane: ControlPlaneConfig::default(),
            catalogue: CatalogueConfig::default(),
            http: TransportConfig::default(),
            websocket: WebSocketConfig::default(),
            mcp: EngineConfig::default(),
            limits: LimitsConfig::default(),
            sessions: SessionConfig::default(),
            cache: CacheConfig::default(),
            egress: EgressConfig::default(),
            spool: SpoolConfig::default(),
            monitoring: telemetry::MonitoringConfig::default(),
            tracing: telemetry::TracingConfig::default(),
        }
    }
}

impl Config {
    /// Agents must not be able to take every place.
    pub(crate) fn leaves_places(&self) -> Result<(), BuildError> {
        let (listen, websocket) = (self.listen.max_connections, self.websocket.max_connections);
        if websocket < listen {
            Ok(())
        } else {
            Err(BuildError::NoPlaceLeft { listen, websocket })
        }
    }
}

impl runtime::process::ServiceConfig for Config {
    fn environment(&self) -> &str {
        &self.environment
    }

    fn telemetry(&self) -> telemetry::TelemetryConfig {
        telemetry::TelemetryConfig {
            monitoring: self.monitoring.clone(),
            tracing: self.tracing.clone(),
        }
    }

    fn spans_dir(&self) -> std::path::PathBuf {
        self.spool.dir.join("spans")
    }

    fn drain(&self) -> std::time::Duration {
        self.drain.get()
    }

    fn drain_notice(&self) -> std::time::Duration {
        self.drain_notice.get()
    }
}

/// What replicas share: sessions and what their clients missed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// `memory:` (one replica) or `redis://…`, `rediss://…`. May hold a password. Also `CACHE_URL`.
    pub url: Secret,
    /// PEM file with the authorities of its certificate; those of the operating system when absent. Each connection reads
    /// it anew.
    pub ca_file: Option<std::path::PathBuf>,
    /// What every key begins with; installations that share a Redis differ in it.
    pub prefix: String,
    /// Operations that take this long are logged by name (`event=slow_cache_operation`). 100 ms: a healthy one takes less
    /// than five, and a tool call waits for it.
    pub slow_query: Duration,
}

impl CacheConfig {
    /// As the cache is told.
    pub(crate) fn options(&self) -> Result<cache::CacheOptions, TlsFileError> {
        Ok(cache::CacheOptions {
            prefix: self.prefix.clone(),
            authorities: authorities("cache.ca_file", self.ca_file.as_deref())?,
            slow: self.slow_query.get(),
            ..cache::CacheOptions::default()
        })
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            url: Secret::new("memory:"),
            ca_file: None,
            prefix: cache::CacheOptions::default().prefix,
            slow_query: cache::CacheOptions::default().slow.into(),
        }
    }
}
