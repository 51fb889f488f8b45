//! The settings of the worker.

use connectors::EgressConfig;
use connectors::openapi::Limits;
use runtime::admin::AdminConfig;
use runtime::config::{Duration, Secret};
use runtime::listen::ListenConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uplink::{ControlPlaneConfig, SpoolConfig};

/// The settings of the worker.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the installation, for example `production`: the `environment` of every metric and log line.
    pub environment: String,
    /// Where `/metrics` and `/health` are served. Loopback until told otherwise.
    pub listen: ListenConfig,
    /// How long jobs in flight may take to end after SIGTERM. Below the 30 s that Kubernetes grants.
    pub drain: Duration,
    /// Bearer token of the admin endpoints (`/admin/*`, `/debug/*`); without it they answer 403.
    pub admin_token: Option<Secret>,
    /// Where `/admin/*` and `/debug/*` are.
    pub admin: AdminConfig,
    /// Where rest-api is.
    pub control_plane: ControlPlaneConfig,
    /// The message broker, the same as rest-api's.
    pub queue: QueueConfig,
    /// How jobs are run.
    pub jobs: JobsConfig,
    /// How large a description may be that is imported. One beyond a bound is refused by name of the setting.
    pub import: Limits,
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
            listen: ListenConfig::at("127.0.0.1:8082"),
            drain: Duration::from_secs(25),
            admin_token: None,
            admin: AdminConfig::default(),
            control_plane: ControlPlaneConfig::default(),
            queue: QueueConfig::default(),
            jobs: JobsConfig::default(),
            import: Limits::default(),
            egress: EgressConfig::default(),
            spool: SpoolConfig {
                dir: "data/audit-worker".into(),
                ..SpoolConfig::default()
            },
            monitoring: telemetry::MonitoringConfig::default(),
            tracing: telemetry::TracingConfig::default(),
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
}

/// The message broker.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// `amqp://…`, `amqps://…`. May hold a password. Also `QUEUE_URL`. `memory:` works only where one process holds
    /// everything.
    pub url: Secret,
    /// PEM file with authorities of the broker's certificate, besides the public ones. Each connection reads it anew.
    pub ca_file: Option<std::path::PathBuf>,
    /// What the names of queues begin with, the same as rest-api's.
    pub prefix: String,
    /// How long every place for a job may be taken before messages that are held ahead of a backlog go back to the broker:
    /// they wait for this long at most while another worker is free. 100 ms, because a worker that gives them up between
    /// two batches of short jobs has the broker hand out each message twice.
    pub hold_ahead: Duration,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            url: Secret::new("amqp://127.0.0.1:5672"),
            ca_file: None,
            prefix: "devmesh".to_owned(),
            hold_ahead: Duration::from_millis(100),
        }
    }
}

/// How jobs are run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// Most jobs at once; also how many messages the broker hands over ahead. Jobs mostly wait for upstreams.
    pub concurrency: u16,
    /// How long a claim holds without being renewed: a worker that dies is noticed this much later. Renewed at a third
    /// of it, so that two renewals may fail.
    pub lease: Duration,
    /// Most claims, or ends, that are told rest-api in one request. 128, four times the default of `concurrency`, so that it
    /// bounds only larger ones; rest-api takes 500.
    pub together: u16,
    /// Requests of claims, and of ends, that are under way at once: what comes meanwhile goes with the next one. Two, so
    /// that one is there already while another waits for the disk; more of them would be smaller, and cost more.
    pub requests: u16,
    /// A tool that was not called here for so long is asked for at rest-api, again and again: if it is gone, its series leave
    /// `/metrics`. 5 min, because only an idle tool can be gone, and a series that stays a little longer harms nobody.
    pub idle_tools: Duration,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            concurrency: 32,
            lease: Duration::from_secs(30),
            together: 128,
            requests: 2,
            idle_tools: Duration::from_secs(300),
        }
    }
}
