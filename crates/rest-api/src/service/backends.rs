//! Database, broker and cache of rest-api: how they are opened, and what readiness asks of them.

use std::sync::Arc;

use domain::ports::{Cache, Queue, Storage};
use runtime::lifecycle::Lifecycle;
use runtime::tls::authorities;
use storage::{ConnectError, StorageOptions};
use telemetry::Telemetry;

use super::BuildError;
use crate::config::Config;

/// A database that is away at start is waited for: the orchestrator starts things in any order.
pub(super) async fn open_database(
    config: &Config,
    telemetry: &Telemetry,
    life: &Lifecycle,
) -> Result<Storage, BuildError> {
    let options = StorageOptions {
        max_connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout.get(),
        statement_timeout: config.database.statement_timeout.get(),
        test_idle: config.database.test_idle.get(),
        slow_query: config.database.slow_query.get(),
        sqlite_cache: config.database.sqlite_cache.get(),
        ..StorageOptions::default()
    };
    let mut pause = std::time::Duration::from_millis(250);
    loop {
        match storage::connect(config.database.url.expose(), &options, telemetry).await {
            Ok(storage) => return Ok(storage),
            Err(error) if error.is_transient() && !life.is_stopping() => {
                tracing::warn!(%error, "the database is not there yet; trying again");
            }
            Err(error @ (ConnectError::UnknownScheme | ConnectError::Malformed(_))) => {
                return Err(BuildError::Setting {
                    key: "database.url".to_owned(),
                    expected: error.to_string(),
                });
            }
            Err(error) => return Err(error.into()),
        }
        let _ = life
            .soft_stop()
            .run_until_cancelled(tokio::time::sleep(pause))
            .await;
        pause = (pause * 2).min(std::time::Duration::from_secs(5));
    }
}

/// The cache that is given, or the one of the settings.
pub(super) fn open_cache(
    given: Option<Arc<dyn Cache>>,
    config: &Config,
    telemetry: &Telemetry,
) -> Result<Arc<dyn Cache>, BuildError> {
    match given {
        Some(cache) => Ok(cache),
        None => Ok(cache::connect(
            config.cache.url.expose(),
            &cache_options(config)?,
            telemetry,
        )?),
    }
}

/// The queue that is given, or the one of the settings.
pub(super) fn open_queue(
    given: Option<Arc<dyn Queue>>,
    config: &Config,
    telemetry: &Telemetry,
) -> Result<Arc<dyn Queue>, BuildError> {
    match given {
        Some(queue) => Ok(queue),
        None => Ok(queue::connect(
            config.queue.url.expose(),
            &queue_options(config)?,
            telemetry,
        )?),
    }
}

fn cache_options(config: &Config) -> Result<cache::CacheOptions, BuildError> {
    Ok(cache::CacheOptions {
        prefix: config.cache.prefix.clone(),
        authorities: authorities("cache.ca_file", config.cache.ca_file.as_deref())?,
        slow: config.cache.slow_query.get(),
        ..cache::CacheOptions::default()
    })
}

fn queue_options(config: &Config) -> Result<queue::QueueOptions, BuildError> {
    Ok(queue::QueueOptions {
        prefix: config.queue.prefix.clone(),
        authorities: authorities("queue.ca_file", config.queue.ca_file.as_deref())?,
        ..queue::QueueOptions::default()
    })
}

pub(super) fn register_checks(telemetry: &Telemetry, storage: &Storage, queue: &Arc<dyn Queue>) {
    let database = storage.database.clone();
    telemetry.health().register("database", true, move || {
        let database = database.clone();
        async move { database.ping().await.map_err(|error| error.to_string()) }
    });
    // Without the broker jobs wait in the outbox; requests are answered all the same.
    let queue = queue.clone();
    telemetry.health().register("queue", false, move || {
        let queue = queue.clone();
        async move { queue.ping().await.map_err(|error| error.to_string()) }
    });
}
