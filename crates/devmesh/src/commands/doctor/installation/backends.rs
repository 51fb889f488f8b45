//! Database, broker and cache, asked with the settings' own addresses and logins.

use std::time::Duration;

use cache::{CacheOptions, RedisCache};
use domain::ports::{Cache, Queue};
use domain::{Clock, SystemClock};
use queue::{QueueOptions, RabbitQueue};
use runtime::tls::authorities;
use storage::ConnectError;
use storage::inspect;
use storage::migrate::{self, Schema};

use crate::commands::doctor::finding::Finding;
use crate::commands::doctor::services::clock;

/// A server that does not answer within it is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether it can be opened, and whether its schema is the one of this program.
pub(super) async fn database(config: &rest_api::Config) -> Finding {
    let check = "database";
    let Ok(schema) = tokio::time::timeout(PATIENCE, migrate::status(config.database.url.expose())).await
    else {
        return Finding::fail(check, "it does not answer", advice(None));
    };
    match schema {
        Err(error) => Finding::fail(check, &error, advice(Some(&error))),
        Ok(schema) => judged(check, &schema),
    }
}

/// Whether the database's clock is this machine's: what is written at one is read by the other.
pub(super) async fn database_clock(config: &rest_api::Config) -> Option<Finding> {
    let before = SystemClock.now();
    let asked = inspect::clock(config.database.url.expose());
    // What does not answer is another check's.
    let there = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()??;
    let after = SystemClock.now();
    // It was asked in between.
    let skew = (before - there).max(there - after);
    Some(clock("database: clock", skew))
}

fn judged(check: &str, schema: &Schema) -> Finding {
    if let Some(refusal) = schema.refusal() {
        return Finding::fail(check, refusal, "run the version that has made it, or a later one");
    }
    match schema.pending() {
        0 => Finding::ok(check, format!("schema {}", schema.schema)),
        _ if schema.schema == 0 => Finding::ok(check, "empty: the first start makes its tables"),
        pending => Finding::warn(
            check,
            format!("{pending} migrations are pending"),
            "`devmesh migrate up`, or start rest-api",
        ),
    }
}

fn advice(error: Option<&ConnectError>) -> &'static str {
    match error {
        Some(ConnectError::UnknownScheme | ConnectError::Malformed(_)) => {
            "mend database.url: `sqlite:PATH` or `postgres://LOGIN:PASSWORD@HOST:5432/DATABASE`"
        }
        Some(ConnectError::File { .. }) => {
            "database.url names a file that is no database: name another, or restore a back-up"
        }
        Some(ConnectError::NotSetUp(_)) => {
            "let the owner run `devmesh migrate up --for rest-api --login-file FILE`, which gives this login what it needs"
        }
        Some(ConnectError::Unreachable(error)) if error.as_database_error().is_some() => {
            "it answers, and refuses this login: login, password and database of database.url"
        }
        _ => "is it up, and are host and port of database.url right?",
    }
}

/// Whether the broker answers. In the memory of one process no other one sees a job.
pub(super) async fn queue(config: &rest_api::Config, alone: bool) -> Finding {
    let (check, url) = ("queue", config.queue.url.expose());
    if url.starts_with("memory:") {
        return if alone {
            let advice = "set queue.url (QUEUE_URL) to RabbitMQ's address, here and for worker";
            Finding::fail(
                check,
                "memory: is within one process, so no worker sees a job",
                advice,
            )
        } else {
            Finding::ok(check, "in this process")
        };
    }
    let authorities = match authorities("queue.ca_file", config.queue.ca_file.as_deref()) {
        Ok(authorities) => authorities,
        Err(error) => return Finding::fail(check, error, AUTHORITIES),
    };
    let options = QueueOptions {
        prefix: config.queue.prefix.clone(),
        authorities,
        ..QueueOptions::default()
    };
    let asked = async { RabbitQueue::new(url, &options)?.ping().await };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => Finding::ok(check, "RabbitMQ answers"),
        Ok(Err(error)) => Finding::fail(check, error, QUEUE),
        Err(_) => Finding::fail(check, "it does not answer", QUEUE),
    }
}

const AUTHORITIES: &str =
    "name a PEM file with the certificates of the authorities that signed the server's own";
const QUEUE: &str =
    "is RabbitMQ up, and are host, login, password and virtual host (`%2f` is `/`) of queue.url right?";

/// Whether Redis answers, where there is one.
pub(super) async fn cache(config: &rest_api::Config) -> Option<Finding> {
    let (check, url) = ("cache", config.cache.url.expose());
    if url.starts_with("memory:") {
        return None;
    }
    let authorities = match authorities("cache.ca_file", config.cache.ca_file.as_deref()) {
        Ok(authorities) => authorities,
        Err(error) => return Some(Finding::fail(check, error, AUTHORITIES)),
    };
    let options = CacheOptions {
        authorities,
        timeout: PATIENCE,
        ..CacheOptions::default()
    };
    let advice = "is Redis up, and are host and password of cache.url right? `rediss:` is Redis with TLS";
    let asked = async { RedisCache::new(url, &options)?.ping().await };
    Some(match asked.await {
        Ok(()) => Finding::ok(check, "Redis answers"),
        Err(error) => Finding::fail(check, error, advice),
    })
}
