//! Runs the migrations, in one transaction that keeps every other process out from its first statement on.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use domain::{Clock, SystemClock};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use sqlx::migrate::{Migrate, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::backup::Backend;
use crate::connect::{ConnectError, newest};
use crate::migrate::{self, APPLIED, Holder, Schema, Step};

pub static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Where SQLite locks the file `…-shm` while it writes (SQLite, "WAL-mode File Format", 2.3.1).
const WRITE_LOCK: i64 = 120;

/// Applies what is pending, within the caller's transaction, and answers what it was.
pub async fn apply(connection: &mut SqliteConnection) -> Result<Vec<Step>, ConnectError> {
    let made = connection.ensure_migrations_table(&MIGRATIONS.table_name).await;
    made.map_err(ConnectError::Migrate)?;
    let steps = steps(connection).await.map_err(ConnectError::Unreachable)?;
    migrate::refuse(&steps, newest(&MIGRATIONS))?;
    let mut done = Vec::new();
    for step in migrate::pending(&steps) {
        let Some(migration) = MIGRATIONS.iter().find(|known| known.version == step.version) else {
            continue;
        };
        let took = connection.apply(&MIGRATIONS.table_name, migration).await;
        done.push(migrate::done(
            step,
            took.map_err(ConnectError::Migrate)?,
            SystemClock.now(),
        ));
    }
    Ok(done)
}

/// What is applied and pending, and who writes.
pub async fn schema(file: &SqliteConnectOptions) -> Result<Schema, ConnectError> {
    let path = file.get_filename();
    // Before this process opens the database: closing the lock's file would give up the locks that it has there.
    let lock = writer(path);
    let migrations = if path.exists() {
        let file = file.clone().busy_timeout(Duration::from_secs(5));
        let connection = file.pragma("query_only", "true").connect().await;
        let mut connection = connection.map_err(|error| super::pools::refused(path, error))?;
        let read = steps(&mut connection).await;
        // What could be read has been read.
        let _ = connection.close().await;
        read.map_err(|error| super::pools::refused(path, error))?
    } else {
        migrate::steps(&MIGRATIONS, &[])
    };
    Ok(Schema {
        backend: Backend::Sqlite,
        schema: migrate::newest_applied(&migrations),
        known: newest(&MIGRATIONS),
        lock,
        migrations,
    })
}

async fn steps(connection: &mut SqliteConnection) -> Result<Vec<Step>, sqlx::Error> {
    let there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";
    let is_there: bool = sqlx::query_scalar(there).fetch_one(&mut *connection).await?;
    let applied = if is_there {
        sqlx::query_as(APPLIED).fetch_all(connection).await?
    } else {
        Vec::new()
    };
    Ok(migrate::steps(&MIGRATIONS, &applied))
}

/// The process that writes at this moment, as the operating system knows it.
pub fn writer(database: &Path) -> Option<Holder> {
    let mut name = database.as_os_str().to_owned();
    name.push("-shm");
    let file = File::open(name).ok()?;
    let mut asked = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: WRITE_LOCK,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_GETLK(&mut asked)).ok()?;
    let held = i32::from(asked.l_type) != libc::F_UNLCK && asked.l_pid > 0;
    held.then(|| Holder {
        process: asked.l_pid.into(),
        application: None,
        client: None,
    })
}
