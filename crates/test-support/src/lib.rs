//! What the tests stand on; never shipped.
//!
//! - Private servers as child processes, on free ports, with their own data directories, unprivileged:
//!   [`Postgres`], [`Redis`], [`RabbitMq`], [`Prometheus`], [`Alertmanager`]. The first three can be stopped and started again for fault tests, and they
//!   die with the test process however it ends.
//! - The servers that a whole run shares (`test-servers run -- COMMAND`), and a fresh corner of them for each
//!   test: [`fresh_database`], [`fresh_redis_prefix`], [`fresh_vhost_or_prefix`].
//! - Things a test talks to: [`Upstream`] (a recording HTTP server), [`OtlpReceiver`] (collects spans),
//!   [`Process`] (a binary under test; [`ended_by_settings`] for one that refuses to start), [`http`] (a bare HTTP client).
//! - [`eventually`]: wait for an outcome with a deadline, never for a guessed time.

mod authority;
mod background;
pub mod http;
mod older_schema;
mod otlp;
mod postgres;
mod process;
mod prometheus;
mod rabbitmq;
mod redis;
mod server_process;
mod settings;
mod shared;
mod small_disk;
mod upstream;
mod wait;

pub use authority::{Authority, CertificateFiles};
pub use older_schema::older_schema;
pub use otlp::{OtlpReceiver, ReceivedSpan};
pub use postgres::Postgres;
pub use process::{Process, ProcessBuilder};
pub use prometheus::{Alertmanager, Prometheus};
pub use rabbitmq::RabbitMq;
pub use redis::Redis;
pub use settings::{Ended, ended_by_settings};
pub use shared::{
    POSTGRES_URL, RABBITMQ_API_URL, RABBITMQ_URL, REDIS_URL, fresh_database, fresh_redis_prefix,
    fresh_vhost_or_prefix, postgres_url, rabbitmq_url, redis_url, shared_postgres, shared_rabbitmq,
    shared_redis, with_broker_user,
};
pub use small_disk::SmallDisk;
pub use upstream::{Gate, RawUpstream, Recorded, Reply, Then, Upstream};
pub use wait::{Probe, eventually, free_port};
