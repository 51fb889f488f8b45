//! The servers that a whole run shares, and a fresh corner of them for each test.
//!
//! cargo-nextest runs every test in a process of its own, so `test-servers run -- cargo nextest run` starts the
//! servers once and names them in the environment. Without it (a single `cargo test`), the first caller in
//! a process starts a private one.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    postgres::{Postgres, create_database},
    rabbitmq::{RabbitMq, create_user, create_vhost},
    redis::Redis,
};

/// Environment variable: the superuser's URL of the run's Postgres.
pub const POSTGRES_URL: &str = "DEVMESH_TEST_POSTGRES_URL";
/// Environment variable: the URL of the run's Redis.
pub const REDIS_URL: &str = "DEVMESH_TEST_REDIS_URL";
/// Environment variable: the AMQP URL of the run's RabbitMQ.
pub const RABBITMQ_URL: &str = "DEVMESH_TEST_RABBITMQ_URL";
/// Environment variable: the management API of the run's RabbitMQ.
pub const RABBITMQ_API_URL: &str = "DEVMESH_TEST_RABBITMQ_API_URL";

static POSTGRES: OnceCell<Arc<Postgres>> = OnceCell::const_new();
static REDIS: OnceCell<Arc<Redis>> = OnceCell::const_new();
static RABBITMQ: OnceCell<Arc<RabbitMq>> = OnceCell::const_new();

/// This process's own Postgres, started on the first call. For tests that stop it, start another one.
///
/// # Errors
/// When Postgres cannot be started.
pub async fn shared_postgres() -> Result<Arc<Postgres>> {
    POSTGRES
        .get_or_try_init(|| async { Postgres::start().await.map(Arc::new) })
        .await
        .cloned()
}

/// This process's own Redis, started on the first call.
///
/// # Errors
/// When Redis cannot be started.
pub async fn shared_redis() -> Result<Arc<Redis>> {
    REDIS
        .get_or_try_init(|| async { Redis::start().await.map(Arc::new) })
        .await
        .cloned()
}

/// This process's own RabbitMQ, started on the first call.
///
/// # Errors
/// When RabbitMQ cannot be started.
pub async fn shared_rabbitmq() -> Result<Arc<RabbitMq>> {
    RABBITMQ
        .get_or_try_init(|| async { RabbitMq::start().await.map(Arc::new) })
        .await
        .cloned()
}

/// The superuser's URL of the run's Postgres, or of this process's own.
///
/// # Errors
/// When there is none and none can be started.
pub async fn postgres_url() -> Result<String> {
    match given(POSTGRES_URL) {
        Some(url) => Ok(url),
        None => Ok(shared_postgres().await?.admin_url()),
    }
}

/// The URL of the run's Redis, or of this process's own. Keep to a [`fresh_redis_prefix`].
///
/// # Errors
/// When there is none and none can be started.
pub async fn redis_url() -> Result<String> {
    match given(REDIS_URL) {
        Some(url) => Ok(url),
        None => Ok(shared_redis().await?.url()),
    }
}

/// The AMQP URL (default virtual host) of the run's RabbitMQ, or of this process's own.
/// Prefer [`fresh_vhost_or_prefix`].
///
/// # Errors
/// When there is none and none can be started.
pub async fn rabbitmq_url() -> Result<String> {
    match given(RABBITMQ_URL) {
        Some(url) => Ok(url),
        None => Ok(shared_rabbitmq().await?.url()),
    }
}

/// An empty database of its own; the URL is its owner's, who is no superuser.
///
/// # Errors
/// When there is no Postgres and none can be started.
pub async fn fresh_database() -> Result<String> {
    create_database(&postgres_url().await?, &unique_name()).await
}

/// A key prefix (`test_…:`) that no other test uses.
pub fn fresh_redis_prefix() -> String {
    format!("{}:", unique_name())
}

/// The AMQP URL of an empty virtual host that no other test uses.
///
/// # Errors
/// When there is no RabbitMQ and none can be started.
pub async fn fresh_vhost_or_prefix() -> Result<String> {
    let amqp = rabbitmq_url().await?;
    let api = match given(RABBITMQ_URL) {
        Some(_) => {
            given(RABBITMQ_API_URL).with_context(|| format!("{RABBITMQ_URL} needs {RABBITMQ_API_URL}"))?
        }
        None => shared_rabbitmq().await?.api_url(),
    };
    create_vhost(&amqp, &api, &unique_name()).await
}

/// The same virtual host for a user of its own, with this password.
///
/// # Errors
/// When the broker does not make one.
pub async fn with_broker_user(vhost_url: &str, password: &str) -> Result<String> {
    let api = match given(RABBITMQ_API_URL) {
        Some(url) => url,
        None => shared_rabbitmq().await?.api_url(),
    };
    create_user(vhost_url, &api, &unique_name(), password).await
}

fn unique_name() -> String {
    format!("test_{}", Uuid::new_v4().simple())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own settings, which `test-servers run` hands on"
)]
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
