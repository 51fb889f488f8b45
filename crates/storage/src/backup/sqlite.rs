//! SQLite: an online copy by `VACUUM INTO`, one consistent state, without free pages.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::archive::{private, sync_directory};
use super::{BackupError, Copied, Manifest};

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";

/// The file of a SQLite URL.
pub fn path(url: &str) -> Result<PathBuf, BackupError> {
    Ok(SqliteConnectOptions::from_str(url)?.get_filename().to_owned())
}

async fn open(path: &Path) -> Result<SqliteConnection, BackupError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(std::time::Duration::from_secs(30))
        .disable_statement_logging();
    Ok(options.connect().await?)
}

/// Copies the database of `url` into `entry`.
pub async fn copy(url: &str, work: &Path, entry: &Path) -> Result<Copied, BackupError> {
    let (source, plain) = (path(url)?, work.join("plain"));
    // SQLite would make a file that is not there; and the copy must not be open to others while it is made.
    drop(File::open(&source).map_err(BackupError::file(&source))?);
    drop(private(&plain).map_err(BackupError::file(&plain))?);
    let mut connection = open(&source).await?;
    sqlx::query("VACUUM INTO $1")
        .bind(plain.to_string_lossy())
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let copied = describe(&plain).await?;
    let pack = || {
        let mut gzip = GzEncoder::new(private(entry)?, Compression::default());
        std::io::copy(&mut File::open(&plain)?, &mut gzip)?;
        gzip.finish()?.sync_all()?;
        std::fs::remove_file(&plain)
    };
    pack().map_err(BackupError::file(entry))?;
    Ok(copied)
}

/// Has SQLite read all of a file, and says what is in it.
async fn describe(path: &Path) -> Result<Copied, BackupError> {
    let mut connection = open(path).await?;
    let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut connection)
        .await?;
    if found != "ok" {
        return Err(BackupError::broken(path, found));
    }
    let schema = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success")
        .fetch_one(&mut connection)
        .await?;
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut connection).await?;
    let mut rows = BTreeMap::new();
    for table in tables {
        let count = format!("SELECT COUNT(*) FROM \"{}\"", table.replace('"', "\"\""));
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .fetch_one(&mut connection)
            .await?;
        rows.insert(table, count.unsigned_abs());
    }
    let sealed: Vec<(String, i64)> =
        sqlx::query_as("SELECT kek_id, COUNT(*) FROM credentials GROUP BY kek_id")
            .fetch_all(&mut connection)
            .await?;
    connection.close().await?;
    Ok(Copied {
        schema,
        rows,
        sealed_by: sealed
            .into_iter()
            .map(|(key, count)| (key, count.unsigned_abs()))
            .collect(),
    })
}

/// Unpacks the entry beside itself, and holds it against the manifest.
pub async fn check(file: &Path, entry: &Path, manifest: &Manifest) -> Result<PathBuf, BackupError> {
    let plain = entry.with_extension("plain");
    let mut to = private(&plain).map_err(BackupError::file(&plain))?;
    let from = File::open(entry).map_err(BackupError::file(entry))?;
    std::io::copy(&mut GzDecoder::new(from), &mut to)
        .and_then(|_| to.sync_all())
        .map_err(|error| BackupError::broken(file, error))?;
    let found = describe(&plain)
        .await
        .map_err(|error| BackupError::broken(file, error))?;
    if found.schema != manifest.schema || found.rows != manifest.rows {
        return Err(BackupError::broken(
            file,
            "its tables are not those that manifest.json lists",
        ));
    }
    Ok(plain)
}

/// What a restore changes in the copy: see [`super::doubt`], and the note of this back-up.
pub async fn settle(copy: &Path, manifest: &Manifest, now: DateTime<Utc>) -> Result<(), BackupError> {
    let mut connection = open(copy).await?;
    let mut transaction = connection.begin().await?;
    sqlx::query(AssertSqlSafe(super::doubt("$1")))
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(super::UNANNOUNCE).execute(&mut *transaction).await?;
    insert(&mut transaction, manifest).await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}

async fn insert(connection: &mut SqliteConnection, manifest: &Manifest) -> Result<(), BackupError> {
    sqlx::query(super::NOTE)
        .bind(manifest.made_at)
        .bind(i64::try_from(manifest.bytes).unwrap_or(i64::MAX))
        .bind(&manifest.sha256)
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts the copy where the database is to be. What was there goes to a name of its own.
pub fn put(
    copy: &Path,
    target: &Path,
    replace: bool,
    now: DateTime<Utc>,
) -> Result<Option<PathBuf>, BackupError> {
    let mut kept = None;
    if target.exists() {
        if !replace {
            return Err(BackupError::NotEmpty);
        }
        let stamp = now.format("%Y%m%dT%H%M%S%.3fZ");
        let aside = with_suffix(target, &format!(".before-{stamp}"));
        move_with_logs(target, &aside)?;
        kept = Some(aside);
    }
    if let Err(error) = std::fs::rename(copy, target) {
        // What was there is what is there again.
        if let Some(aside) = &kept {
            move_with_logs(aside, target)?;
        }
        return Err(BackupError::file(target)(error));
    }
    sync_directory(target)?;
    Ok(kept)
}

/// The log files belong to the database: with them beside it, it can be opened under its other name.
fn move_with_logs(from: &Path, to: &Path) -> Result<(), BackupError> {
    for log in ["-wal", "-shm"] {
        let log_file = with_suffix(from, log);
        if log_file.exists() {
            std::fs::rename(&log_file, with_suffix(to, log)).map_err(BackupError::file(&log_file))?;
        }
    }
    std::fs::rename(from, to).map_err(BackupError::file(from))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Notes in the database that it was backed up.
pub async fn note(url: &str, manifest: &Manifest) -> Result<(), BackupError> {
    let mut connection = open(&path(url)?).await?;
    insert(&mut connection, manifest).await?;
    connection.close().await?;
    Ok(())
}
