//! The settings of rest-api.

mod limits;
mod mesh;
mod users;

use std::path::PathBuf;

use runtime::admin::AdminConfig;
use runtime::config::{ByteSize, Duration, Secret};
use runtime::listen::ListenConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use limits::LimitsConfig;
pub use mesh::{
    AgentsConfig, EventsConfig, MessagesConfig, Misfit, ModelPrice, RoutingConfig, TasksConfig, check, rules,
};
pub use users::UsersConfig;

/// The settings of rest-api.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the installation, for example `production`: the `environment` of every metric and log line.
    pub environment: String,
    /// Where the HTTP API listens. Loopback until told otherwise, because it speaks plain HTTP until `tls` is set.
    pub listen: ListenConfig,
    /// How long requests and jobs in flight may take to end after SIGTERM. Below the 30 s that Kubernetes grants.
    pub drain: Duration,
    /// How long after SIGTERM, before the drain, requests are still taken while `/health/ready` already says no: so long
    /// may a balancer take to notice. 0s by default; in Kubernetes the pod's `preStop` is this time.
    pub drain_notice: Duration,
    /// Bearer token of the admin endpoints (`/admin/*`, `/debug/*`); without it they answer 403.
    pub admin_token: Option<Secret>,
    /// Where `/admin/*` and `/debug/*` are.
    pub admin: AdminConfig,
    /// Where the bootstrap key, and on SQLite the key-encryption key, are kept; made with mode 0700.
    pub data_dir: PathBuf,
    /// The HTTP API.
    pub http: HttpConfig,
    /// The gRPC services for mcp-server and worker.
    pub grpc: GrpcConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// The message broker.
    pub queue: QueueConfig,
    /// What replicas share with those of mcp-server: the buckets of rate limits.
    pub cache: CacheConfig,
    /// Rate limits of those who have none of their own.
    pub limits: LimitsConfig,
    /// How credentials are encrypted at rest.
    pub credentials: CredentialsConfig,
    /// People who sign in with a password.
    pub users: UsersConfig,
    /// Jobs and schedules.
    pub jobs: JobsConfig,
    /// Agents.
    pub agents: AgentsConfig,
    /// Tasks that agents are given.
    pub tasks: TasksConfig,
    /// Messages between agents.
    pub messages: MessagesConfig,
    /// What happens, for those who follow it.
    pub events: EventsConfig,
    /// How agents are chosen for tasks.
    pub routing: RoutingConfig,
    /// What models cost: `cost_optimized`, budgets of tasks and cost metrics go by it. A model that is not in the list costs
    /// nothing. Empty by default: prices change, and are yours to know.
    pub prices: Vec<ModelPrice>,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// Logs and the bounds of metrics.
    pub monitoring: telemetry::MonitoringConfig,
    /// Traces.
    pub tracing: telemetry::TracingConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: "development".to_owned(),
            listen: ListenConfig::at("127.0.0.1:8081"),
            drain: Duration::from_secs(25),
            drain_notice: Duration::default(),
            admin_token: None,
            admin: AdminConfig::default(),
            data_dir: PathBuf::from("data"),
            http: HttpConfig::default(),
            grpc: GrpcConfig::default(),
            database: DatabaseConfig::default(),
            queue: QueueConfig::default(),
            cache: CacheConfig::default(),
            limits: LimitsConfig::default(),
            credentials: CredentialsConfig::default(),
            users: UsersConfig::default(),
            jobs: JobsConfig::default(),
            agents: AgentsConfig::default(),
            tasks: TasksConfig::default(),
            messages: MessagesConfig::default(),
            events: EventsConfig::default(),
            routing: RoutingConfig::default(),
            prices: Vec::new(),
            retention: RetentionConfig::default(),
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

    fn spans_dir(&self) -> PathBuf {
        self.data_dir.join("spans")
    }

    fn drain(&self) -> std::time::Duration {
        self.drain.get()
    }

    fn drain_notice(&self) -> std::time::Duration {
        self.drain_notice.get()
    }
}

/// The HTTP API.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Largest body of a request. 32 MiB: GitHub's OpenAPI description has 12.
    pub body_limit: ByteSize,
    /// Longest time of a request. Above the longest wait for a job, 60 s.
    pub request_timeout: Duration,
    /// How long the answer to an `Idempotency-Key` is kept.
    pub idempotency_ttl: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            body_limit: ByteSize::mib(32),
            request_timeout: Duration::from_secs(75),
            idempotency_ttl: Duration::from_hours(24),
        }
    }
}

/// The gRPC services for mcp-server and worker.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcConfig {
    /// Where it listens.
    pub listen: ListenConfig,
    /// What the other services show as their key. At least 32 characters; the services refuse to start without it, or
    /// `service_key_file`.
    pub service_key: Secret,
    /// A file with the service key in place of `service_key`. It is read again when it changes, and each of its lines is
    /// accepted, so that the key can be rotated while everything runs.
    pub service_key_file: Option<PathBuf>,
    /// Whether provider credentials may be handed over without TLS to another host. Only for networks that encrypt
    /// by themselves.
    pub allow_insecure_credentials: bool,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            listen: ListenConfig::at("127.0.0.1:9081"),
            service_key: Secret::default(),
            service_key_file: None,
            allow_insecure_credentials: false,
        }
    }
}

/// The database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://…`. May hold a password. Also `DATABASE_URL`.
    pub url: Secret,
    /// Most connections at once. Postgres allows 100 in all by default; three replicas leave room.
    pub max_connections: u32,
    /// Longest wait for a connection before the answer is 503.
    pub acquire_timeout: Duration,
    /// Longest time of one statement.
    pub statement_timeout: Duration,
    /// Postgres: a connection that was idle for this long is asked whether it still lives before it is used. Under load
    /// none is; after a quiet time a server that was restarted meanwhile costs nobody an error.
    pub test_idle: Duration,
    /// Calls that take this long are logged by name, never with values (`event=slow_query`). 100 ms: a healthy one takes
    /// less than ten, and an answer that waits for one this slow is noticed.
    pub slow_query: Duration,
    /// SQLite: pages that the writer keeps in memory. 16 MiB: under load the indexes of the audit log stay in it; it is
    /// taken only as it fills.
    pub sqlite_cache: ByteSize,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Secret::new("sqlite:data/devmesh.db"),
            max_connections: 20,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(30),
            test_idle: Duration::from_millis(100),
            slow_query: Duration::from_millis(100),
            sqlite_cache: ByteSize::mib(16),
        }
    }
}

/// The message broker.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// `memory:` (one process) or `amqp://…`, `amqps://…`. May hold a password. Also `QUEUE_URL`.
    pub url: Secret,
    /// PEM file with authorities of the broker's certificate, besides the public ones. Each connection reads it anew.
    pub ca_file: Option<PathBuf>,
    /// What the names of queues begin with; installations that share a broker differ in it.
    pub prefix: String,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            url: Secret::new("memory:"),
            ca_file: None,
            prefix: "devmesh".to_owned(),
        }
    }
}

/// How credentials are encrypted at rest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialsConfig {
    /// The key-encryption keys; the first one seals, all of them open. With Postgres at least one is needed, here or in
    /// `file`, since every replica must have the same.
    pub keys: Vec<KeyEncryptionKey>,
    /// A file with the key-encryption keys in place of `keys`, `NAME DIGITS` on each line. It is read again when it
    /// changes. With SQLite `credentials.key` in `data_dir` when neither is given, made at the first start.
    pub file: Option<PathBuf>,
    /// How often what another key than the first has sealed is looked for, and sealed under the first. A minute: the
    /// search costs a few milliseconds, and a rotation has no hurry.
    pub rewrap_interval: Duration,
}

impl Default for CredentialsConfig {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            file: None,
            rewrap_interval: Duration::from_mins(1),
        }
    }
}

/// One key-encryption key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`{ id = \"NAME\", key = \"64 hexadecimal digits\" }`"
)]
pub struct KeyEncryptionKey {
    /// Its name; stored with what it sealed.
    pub id: String,
    /// 64 hexadecimal digits (`openssl rand -hex 32`).
    pub key: Secret,
}

/// Jobs and schedules.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// How often the relay looks for due jobs when nothing tells it to: jobs that wait for their time are this late
    /// at most.
    pub relay_interval: Duration,
    /// Most jobs that are published at once.
    pub relay_batch: u32,
    /// How often lost work is looked for.
    pub sweep_interval: Duration,
    /// After this a published message that nobody took counts as lost and is published again.
    pub lost_after: Duration,
    /// How often the descriptions of providers are read again.
    pub refresh_interval: Duration,
    /// How often providers are asked whether they answer.
    pub health_interval: Duration,
    /// How long a tool that claimed jobs call is kept before it is read again; any change of the catalogue that is heard of
    /// ends it at once. One second: many jobs of one tool read it once, and where the database's notices do not arrive a
    /// job runs the tool as it was a second ago at most. With 0 each claim reads it.
    pub tools_kept: Duration,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            relay_interval: Duration::from_secs(1),
            relay_batch: 200,
            sweep_interval: Duration::from_secs(5),
            lost_after: Duration::from_mins(5),
            refresh_interval: Duration::from_hours(1),
            health_interval: Duration::from_mins(1),
            tools_kept: Duration::from_secs(1),
        }
    }
}

/// How long things are kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Jobs that are done or failed. Those in doubt stay until they are resolved.
    pub jobs: Duration,
    /// Tasks that are finished, with their histories, assignments that are done, and agents that are offline. 30 days: the
    /// choices of a month can be looked at and replayed.
    pub tasks: Duration,
    /// What happened (`/api/v1/events`), and messages after their expiry. Seven days: who follows may be away over a long
    /// week-end and still miss nothing.
    pub events: Duration,
    /// Audit records.
    pub audit: Duration,
    /// Changes of the catalogue: an edge that was away for longer reads a new snapshot.
    pub changes: Duration,
    /// At least this many of the newest changes stay, however old.
    pub changes_kept: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            jobs: Duration::from_hours(7 * 24),
            tasks: Duration::from_hours(30 * 24),
            events: Duration::from_hours(7 * 24),
            audit: Duration::from_hours(90 * 24),
            changes: Duration::from_hours(24),
            changes_kept: 10_000,
        }
    }
}

/// What replicas share with those of mcp-server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// `memory:` (limits are each replica's own) or `redis://…`, `rediss://…`, the one of mcp-server. May hold a password.
    /// Also `CACHE_URL`.
    pub url: Secret,
    /// PEM file with the authorities of its certificate; those of the operating system when absent. Each connection reads
    /// it anew.
    pub ca_file: Option<PathBuf>,
    /// What every key begins with; the same as that of mcp-server.
    pub prefix: String,
    /// Operations that take this long are logged by name (`event=slow_cache_operation`). 100 ms, as for the database.
    pub slow_query: Duration,
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
