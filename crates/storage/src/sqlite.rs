//! The SQLite back end: one file, one writer, wake-up calls within the process.

mod bulk;
mod dialect;
mod migrations;
mod pools;

/// The SQL that both back ends share.
#[path = "aggregates/all.rs"]
mod aggregates;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::Storage;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Sqlite};

use crate::connect::{ConnectError, StorageOptions};
use crate::meter::{DbMetrics, Meter};
use crate::migrate::{Schema, Step};
use crate::signals::Signals;

type Db = Sqlite;

/// The schema that this program brings a database to.
pub fn newest_migration() -> i64 {
    crate::connect::newest(&migrations::MIGRATIONS)
}

/// What is applied and pending.
pub async fn schema(url: &str) -> Result<Schema, ConnectError> {
    migrations::schema(&file(url)?.disable_statement_logging()).await
}

/// Applies what is pending; makes the file where it is missing.
pub async fn migrate(
    url: &str,
    patience: Duration,
    tell: &mut (dyn FnMut(&Step) + Send),
) -> Result<(), ConnectError> {
    let options = StorageOptions {
        acquire_timeout: patience,
        migrate: false,
        ..StorageOptions::default()
    };
    let pools = pools::Pools::open(url, &options).await?;
    let applied = pools.migrate().await;
    pools.close().await;
    let path = file(url)?.get_filename().to_owned();
    let named = |error| match error {
        ConnectError::Locked { .. } => ConnectError::Locked {
            holder: migrations::writer(&path),
        },
        other => other,
    };
    applied.map_err(named)?.iter().for_each(tell);
    Ok(())
}

/// Opens a storage on SQLite.
pub async fn open(url: &str, options: &StorageOptions, metrics: DbMetrics) -> Result<Storage, ConnectError> {
    let pools = pools::Pools::open(url, options).await?;
    let meter = Arc::new(Meter::new(
        metrics,
        dialect::SYSTEM,
        options.slow_query,
        options.deadline(),
    ));
    Ok(aggregates::storage(pools, meter, Arc::new(Signals::default())))
}

fn file(url: &str) -> Result<SqliteConnectOptions, ConnectError> {
    SqliteConnectOptions::from_str(url).map_err(ConnectError::Malformed)
}
