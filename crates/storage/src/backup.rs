//! Back-ups: the whole database in one file that says what is in it, made while the mesh runs.
//!
//! The file is a tar archive (POSIX.1-2001) of two entries: `manifest.json` ([`Manifest`]), then the database as the back
//! end's own tools write it: `database.sqlite.gz` (SQLite's `VACUUM INTO`) or `database.dump` (`pg_dump --format=custom`).
//! Credentials in it are sealed, as they are in the database; the keys that open them are not in it.

mod archive;
mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The version of the archive's layout.
const FORMAT: u32 = 1;

/// What a back-up says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this layout.
    pub format: u32,
    /// The version of the product that made it.
    pub devmesh: String,
    /// Which back end it is of, and goes to.
    pub backend: Backend,
    /// The newest migration of its schema.
    pub schema: i64,
    /// When it was begun: what was committed later is not in it.
    pub made_at: DateTime<Utc>,
    /// Size of the database's entry in bytes.
    pub bytes: u64,
    /// SHA-256 of that entry, in hex.
    pub sha256: String,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Names of the key-encryption keys that its credentials need, and how many each seals.
    pub sealed_by: BTreeMap<String, u64>,
}

/// A database system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Backend {
    /// The back end of a database URL.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn of(url: &str) -> Result<Self, BackupError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Ok(Self::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres),
            _ => Err(BackupError::Url),
        }
    }

    fn entry(self) -> &'static str {
        match self {
            Self::Sqlite => "database.sqlite.gz",
            Self::Postgres => "database.dump",
        }
    }

    fn latest(self) -> i64 {
        match self {
            Self::Sqlite => crate::sqlite::newest_migration(),
            Self::Postgres => crate::postgres::newest_migration(),
        }
    }
}

/// Why there is no back-up, or no restore. No text of it holds a URL or a password.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The URL names no back end that we have.
    #[error("the database URL must begin with `postgres://`, `postgresql://` or `sqlite:`")]
    Url,
    /// Something is there that must not be overwritten.
    #[error("{0} is there already: choose another name, or take it away first")]
    Exists(PathBuf),
    /// The database to restore into is not empty.
    #[error("the database to restore into is not empty: `--replace` puts the back-up in its place")]
    NotEmpty,
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What stands in the way.
        source: std::io::Error,
    },
    /// The file is no back-up, or it is damaged.
    #[error("{path} is no whole back-up: {reason}")]
    Broken {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is of a later version than this program.
    #[error(
        "the back-up was made by Devmesh {devmesh} (schema {schema}); this program knows schemas up to {known}: use that \
         version or a later one"
    )]
    Newer {
        /// The version that made it.
        devmesh: String,
        /// Its schema.
        schema: i64,
        /// The newest schema that is known here.
        known: i64,
    },
    /// It is of the other back end.
    #[error(
        "the back-up is of {found:?}, the database to restore into is {wanted:?}: it can only go where it came from"
    )]
    OtherBackend {
        /// What it is of.
        found: Backend,
        /// What was asked for.
        wanted: Backend,
    },
    /// The database said no.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The file is made, the note of it is not.
    #[error("the back-up is whole, but it could not be noted, so its age does not show: {0}")]
    Unnoted(#[source] Box<BackupError>),
    /// PostgreSQL's own tool is missing or failed.
    #[error("{tool}: {reason}")]
    Tool {
        /// `pg_dump` or `pg_restore`.
        tool: &'static str,
        /// What it said.
        reason: String,
    },
}

impl BackupError {
    fn file(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    fn broken(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Broken {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// What was not finished then may have been done since, so a restore repeats no write by itself: a person resolves it, as
/// one that was cut off. Reads and what may be repeated run again. `now` is an expression.
fn doubt(now: &str) -> String {
    format!(
        "UPDATE jobs
            SET state = 'in_doubt', effect_begun = TRUE, lease_owner = NULL, lease_until = NULL, updated_at = {now},
                error = '{{\"kind\":\"restored\",\"message\":\"it was not finished when the back-up was made: it had no \
         effect or one since\"}}'
          WHERE effect = 'write' AND state IN ('pending', 'running')"
    )
}

/// Notes a back-up in the database that it is of.
const NOTE: &str = "INSERT INTO backups (made_at, bytes, sha256) VALUES ($1, $2, $3)";

/// What is in doubt waits for a person, not for a worker.
const UNANNOUNCE: &str = "DELETE FROM outbox WHERE job_id IN (SELECT id FROM jobs WHERE state = 'in_doubt')";

/// What a back end tells of the copy that it made.
struct Copied {
    schema: i64,
    rows: BTreeMap<String, u64>,
    sealed_by: BTreeMap<String, u64>,
}

/// Backs up the database at `url` into `file` (mode 0600), which appears under its name only once it is whole and was read
/// back. Writers go on meanwhile. Then notes in the database that this was done.
///
/// Postgres needs `pg_dump` of the server's version or a later one, and a login that may read every row (`BYPASSRLS`).
///
/// # Errors
/// See [`BackupError`]; then there is no file, but for [`BackupError::Unnoted`].
pub async fn create(url: &str, file: &Path, made_at: DateTime<Utc>) -> Result<Manifest, BackupError> {
    let backend = Backend::of(url)?;
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let work = archive::workshop(file)?;
    let database = work.path().join(backend.entry());
    let copied = match backend {
        Backend::Sqlite => sqlite::copy(url, work.path(), &database).await?,
        Backend::Postgres => postgres::dump(url, &database).await?,
    };
    let (bytes, sha256) = archive::digest(&database)?;
    let manifest = Manifest {
        format: FORMAT,
        devmesh: env!("CARGO_PKG_VERSION").to_owned(),
        backend,
        schema: copied.schema,
        made_at,
        bytes,
        sha256,
        rows: copied.rows,
        sealed_by: copied.sealed_by,
    };
    let whole = work.path().join("whole");
    archive::pack(&manifest, &database, &whole)?;
    verify(&whole).await?;
    archive::publish(&whole, file)?;
    let noted = match backend {
        Backend::Sqlite => sqlite::note(url, &manifest).await,
        Backend::Postgres => postgres::note(url, &manifest).await,
    };
    noted.map_err(|error| BackupError::Unnoted(Box::new(error)))?;
    Ok(manifest)
}

/// Reads a back-up from its first to its last byte, and has the back end's own tools read it too.
///
/// # Errors
/// See [`BackupError`].
pub async fn verify(file: &Path) -> Result<Manifest, BackupError> {
    let work = tempfile::tempdir().map_err(BackupError::file(file))?;
    Ok(unpack(file, work.path()).await?.0)
}

/// Puts a back-up where the database of `url` is: an empty one, or with `replace` any. Writes that were not finished then
/// are in doubt now, and the newest back-up that the database knows of is this one. A SQLite file that was there is kept
/// beside it under another name, which is answered.
///
/// # Errors
/// See [`BackupError`]; then everything is as it was.
pub async fn restore(
    file: &Path,
    url: &str,
    replace: bool,
    now: DateTime<Utc>,
) -> Result<(Manifest, Option<PathBuf>), BackupError> {
    let wanted = Backend::of(url)?;
    match wanted {
        Backend::Sqlite => {
            let target = sqlite::path(url)?;
            let work = archive::workshop(&target)?;
            let (manifest, copy) = unpacked_for(file, work.path(), wanted).await?;
            sqlite::settle(&copy, &manifest, now).await?;
            let kept = sqlite::put(&copy, &target, replace, now)?;
            Ok((manifest, kept))
        }
        Backend::Postgres => {
            let work = tempfile::tempdir().map_err(BackupError::file(file))?;
            let (manifest, dump) = unpacked_for(file, work.path(), wanted).await?;
            postgres::restore(url, &dump, &manifest, replace, now).await?;
            Ok((manifest, None))
        }
    }
}

async fn unpacked_for(file: &Path, work: &Path, wanted: Backend) -> Result<(Manifest, PathBuf), BackupError> {
    let (manifest, database) = unpack(file, work).await?;
    if manifest.backend != wanted {
        return Err(BackupError::OtherBackend {
            found: manifest.backend,
            wanted,
        });
    }
    Ok((manifest, database))
}

/// The database out of the archive, checked: on SQLite a database file, on Postgres a dump.
async fn unpack(file: &Path, work: &Path) -> Result<(Manifest, PathBuf), BackupError> {
    let (manifest, entry) = archive::unpack(file, work)?;
    let known = manifest.backend.latest();
    if manifest.schema > known {
        return Err(BackupError::Newer {
            devmesh: manifest.devmesh,
            schema: manifest.schema,
            known,
        });
    }
    let database = match manifest.backend {
        Backend::Sqlite => sqlite::check(file, &entry, &manifest).await?,
        Backend::Postgres => {
            postgres::check(&entry).await?;
            entry
        }
    };
    Ok((manifest, database))
}
