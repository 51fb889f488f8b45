//! The connections to a SQLite file: one that writes, several that read.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};

use crate::connect::{ConnectError, StorageOptions};
use crate::migrate::Step;
use crate::scope::{Mode, Scope};

/// The connections to a SQLite file.
pub struct Pools {
    writer: SqlitePool,
    /// The writer itself, where the database is in memory: another connection would be another database.
    readers: SqlitePool,
    in_memory: bool,
}

impl Pools {
    /// Opens the file (made with mode 0600 where it is missing) and brings the schema up to date.
    pub async fn open(url: &str, options: &StorageOptions) -> Result<Self, ConnectError> {
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let file = SqliteConnectOptions::from_str(url)
            .map_err(ConnectError::Malformed)?
            .foreign_keys(true)
            .busy_timeout(options.acquire_timeout)
            .disable_statement_logging();
        let (writer, readers) = if in_memory {
            let only = pool(1, options)
                .connect_with(file)
                .await
                .map_err(ConnectError::Unreachable)?;
            (only.clone(), only)
        } else {
            keep_private(file.get_filename())?;
            // A commit survives a power cut, as it does on Postgres.
            let file = file
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            // A negative number counts KiB (SQLite, "PRAGMA cache_size").
            let cache = format!("-{}", options.sqlite_cache / 1_024);
            let writer = first(&file.clone().pragma("cache_size", cache), options)
                .await
                .map_err(|error| refused(file.get_filename(), error))?;
            let readers = whole(pool(options.max_connections.max(1), options))
                .connect_lazy_with(file.pragma("query_only", "true"));
            (writer, readers)
        };
        let pools = Self {
            writer,
            readers,
            in_memory,
        };
        if options.migrate {
            pools.migrate().await?;
        }
        Ok(pools)
    }

    /// In one transaction that keeps every other process out from its first statement on. Answers what was applied.
    pub async fn migrate(&self) -> Result<Vec<Step>, ConnectError> {
        let begun = self.begin(Scope::Across, Mode::Write).await;
        let mut transaction = begun.map_err(|error| match code(&error) {
            Some(BUSY) => ConnectError::Locked { holder: None },
            _ => ConnectError::Unreachable(error),
        })?;
        let applied = super::migrations::apply(&mut transaction).await?;
        transaction.commit().await.map_err(ConnectError::Unreachable)?;
        Ok(applied)
    }

    /// Begins a transaction. There is no second lock, so the scope says nothing here.
    pub async fn begin(&self, _: Scope, mode: Mode) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        match mode {
            Mode::Read => self.readers.begin().await,
            // A transaction that begins as a reader and then writes can fail half-way; this one waits at its start.
            Mode::Write | Mode::Keyed => self.writer.begin_with("BEGIN IMMEDIATE").await,
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Connections open, and of these in use.
    pub fn usage(&self) -> (u32, u32) {
        let pools = if self.in_memory {
            vec![&self.writer]
        } else {
            vec![&self.writer, &self.readers]
        };
        pools.into_iter().fold((0, 0), |(size, used), pool| {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            (size + pool.size(), used + pool.size().saturating_sub(idle))
        })
    }

    /// Closes every connection, waiting for those in use. The writer last: it folds the log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// The first connection puts a new file into WAL mode. SQLite refuses at once, without its time-out, where another process does
/// so at the same moment.
async fn first(file: &SqliteConnectOptions, options: &StorageOptions) -> Result<SqlitePool, sqlx::Error> {
    let patience = tokio::time::Instant::now() + options.acquire_timeout;
    loop {
        match whole(pool(1, options)).connect_with(file.clone()).await {
            Err(error) if code(&error) == Some(BUSY) && tokio::time::Instant::now() < patience => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            connected => return connected,
        }
    }
}

/// Connections stay: an in-memory database lives as long as its connection, and a file's are cheap to keep.
fn pool(connections: u32, options: &StorageOptions) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// A connection that is still in a transaction is thrown away. SQLite ends one by itself where a disk is full (SQLite,
/// "Transactions", 2.4), and the driver, which cannot end it again, would refuse to begin another one for ever.
fn whole(pool: SqlitePoolOptions) -> SqlitePoolOptions {
    pool.before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
}

/// The file holds key hashes and sealed credentials. SQLite gives its log files the same mode.
fn keep_private(path: &Path) -> Result<(), ConnectError> {
    let made = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path);
    let kept = made.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)));
    kept.map_err(|source| ConnectError::File {
        path: path.display().to_string(),
        source,
    })
}

// SQLite, "Result and Error Codes".
const BUSY: u32 = 5;
const CORRUPT: u32 = 11;
const NOT_A_DATABASE: u32 = 26;

/// SQLite's code of an error: the low byte of its extended codes.
fn code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?.parse::<u32>().ok()?;
    Some(code & 0xff)
}

/// A file that is no database, or a broken one, does not become one by waiting; one that is locked does come free.
pub fn refused(path: &Path, error: sqlx::Error) -> ConnectError {
    match code(&error) {
        Some(CORRUPT | NOT_A_DATABASE) => ConnectError::File {
            path: path.display().to_string(),
            source: std::io::Error::other(error),
        },
        _ => ConnectError::Unreachable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_over_when_there_is_room_again() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("full.db").display());
        let pools = Pools::open(&url, &StorageOptions::default()).await.unwrap();
        let write = async |before: &'static str, bytes: u32| {
            let mut transaction = pools.begin(Scope::Across, Mode::Write).await?;
            sqlx::query(before).execute(&mut *transaction).await?;
            sqlx::query("INSERT INTO filling VALUES (zeroblob($1))")
                .bind(bytes)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        };
        write("CREATE TABLE filling (content BLOB)", 1).await.unwrap();

        // No page more than there are: what a full disk says, in this connection only.
        let full = write("PRAGMA max_page_count = 1", 9_000_000).await.unwrap_err();
        assert_eq!(code(&full), Some(13), "{full}");
        write("SELECT 1", 9_000_000).await.unwrap();
    }
}
