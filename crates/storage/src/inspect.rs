//! What PostgreSQL says of its own statements and its clock, for whoever looks after it.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::connect::ConnectError;

/// A statement that is slow on average. Its constants are `$1`, `$2`: the server has taken them out.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct SlowStatement {
    /// Its text, on one line.
    pub query: String,
    /// How often it ran.
    pub calls: i64,
    /// Milliseconds on average.
    pub mean_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// All together.
    pub total_ms: f64,
}

/// What there is to know.
#[derive(Clone, Debug, PartialEq)]
pub enum SlowStatements {
    /// Those that are slow, the slowest first.
    Found(Vec<SlowStatement>),
    /// `pg_stat_statements` is not loaded, or not created in this database.
    NoExtension,
    /// The database is no PostgreSQL.
    NotPostgres,
}

/// What time it is at the database at `url`; none where it has no clock of its own.
///
/// # Errors
/// When the database cannot be reached.
pub async fn clock(url: &str) -> Result<Option<DateTime<Utc>>, ConnectError> {
    if !url.starts_with("postgres") {
        return Ok(None);
    }
    let login = PgConnectOptions::from_str(url).map_err(ConnectError::Malformed)?;
    let mut connection = login.connect().await.map_err(ConnectError::Unreachable)?;
    let read = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(&mut connection)
        .await;
    // What could be read has been read.
    let _ = connection.close().await;
    read.map(Some).map_err(ConnectError::Unreachable)
}

/// Undefined table; and a library that is not preloaded.
const NOT_THERE: [&str; 2] = ["42P01", "55000"];

/// Statements of the database at `url` that take more than `mean_ms` on average, at most `most`.
///
/// # Errors
/// When the database cannot be reached.
pub async fn slow_statements(url: &str, mean_ms: f64, most: i64) -> Result<SlowStatements, ConnectError> {
    if !url.starts_with("postgres") {
        return Ok(SlowStatements::NotPostgres);
    }
    let login = PgConnectOptions::from_str(url).map_err(ConnectError::Malformed)?;
    let mut connection = login.connect().await.map_err(ConnectError::Unreachable)?;
    let read = sqlx::query_as::<_, SlowStatement>(
        "SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 300) AS query, calls, mean_exec_time AS mean_ms, \
         max_exec_time AS max_ms, total_exec_time AS total_ms \
         FROM pg_stat_statements \
         WHERE mean_exec_time > $1 AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         ORDER BY mean_exec_time DESC LIMIT $2",
    )
    .bind(mean_ms)
    .bind(most)
    .fetch_all(&mut connection)
    .await;
    // What could be read has been read.
    let _ = connection.close().await;
    match read {
        Ok(found) => Ok(SlowStatements::Found(found)),
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| NOT_THERE.contains(&&*code)) => {
            Ok(SlowStatements::NoExtension)
        }
        Err(error) => Err(ConnectError::Unreachable(error)),
    }
}
