//! The SQLite back end: one file, one writer, wake-up calls within the process.

mod bulk;
mod dialect;
mod pools;

/// The SQL that both back ends share.
#[path = "aggregates/all.rs"]
mod aggregates;

use std::sync::Arc;

use domain::ports::Storage;
use sqlx::Sqlite;

use crate::connect::{ConnectError, StorageOptions};
use crate::meter::{DbMetrics, Meter};
use crate::signals::Signals;

type Db = Sqlite;

/// The schema that this program brings a database to.
pub fn newest_migration() -> i64 {
    crate::connect::newest(&pools::MIGRATIONS)
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
