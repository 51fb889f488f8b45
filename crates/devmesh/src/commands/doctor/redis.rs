//! `devmesh doctor --redis`.

use cache::{CacheOptions, RedisCache};
use chrono::DateTime;
use domain::ports::Cache;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// The guides' `SLOWLOG GET 10`.
const MOST: u32 = 10;

const FIGURES: &[Column] = &[
    ("operations a second", |row| {
        text(row, "instantaneous_ops_per_sec")
    }),
    ("used memory", |row| text(row, "used_memory_bytes")),
    ("connected clients", |row| text(row, "connected_clients")),
    ("blocked clients", |row| text(row, "blocked_clients")),
];
const SLOW: &[Column] = &[
    ("at", |row| date(row, "at")),
    ("command", |row| text(row, "command")),
    ("of", |row| text(row, "cache")),
    ("microseconds", |row| text(row, "microseconds")),
];

/// Shows the four figures and the last ten slow commands.
pub(super) async fn show(config: &rest_api::config::CacheConfig, terminal: &Terminal) -> Result<(), Failure> {
    if config.url.expose().starts_with("memory:") {
        let advice = "there is no Redis: cache.url is memory:. `--for rest-api` reads the settings of rest-api as a process of its own";
        return Err(Failure::Usage(advice.to_owned()));
    }
    let options = CacheOptions {
        prefix: config.prefix.clone(),
        authorities: config.ca_file.clone(),
        // A person waits longer than a tool call may.
        timeout: std::time::Duration::from_secs(5),
        ..CacheOptions::default()
    };
    let failed = |error: domain::ports::cache::CacheError| Failure::Unreachable(error.to_string());
    let redis = RedisCache::new(config.url.expose(), &options).map_err(failed)?;
    let figures = redis.server_figures().await.map_err(failed)?.unwrap_or_default();
    let figures = json!({
        "instantaneous_ops_per_sec": figures.operations_per_second,
        "used_memory_bytes": figures.used_memory,
        "connected_clients": figures.connected_clients,
        "blocked_clients": figures.blocked_clients,
    });
    let slow = redis.slow_commands(MOST).await.map_err(failed)?;
    let slow: Vec<Value> = slow
        .into_iter()
        .map(|slow| {
            let at = DateTime::from_timestamp(slow.at, 0).map(|at| at.to_rfc3339());
            json!({ "at": at, "command": slow.command, "cache": slow.cache, "microseconds": slow.microseconds })
        })
        .collect();
    if terminal.is_json() {
        return terminal.json(&json!({ "figures": figures, "slow_commands": slow }));
    }
    terminal.record(FIGURES, &figures)?;
    terminal.rows(SLOW, &slow, "no slow commands")
}
