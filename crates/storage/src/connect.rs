//! Opening a storage: which back end, with which bounds.

use std::fmt;
use std::time::Duration;

use domain::ports::Storage;
use telemetry::Telemetry;
use thiserror::Error;

use crate::meter::DbMetrics;
use crate::{postgres, sqlite};

/// The bounds of a storage.
#[derive(Clone)]
pub struct StorageOptions {
    /// Most connections at once. SQLite has one writer besides.
    pub max_connections: u32,
    /// Longest wait for a connection (SQLite: also for another process's lock) before a call answers unavailable.
    pub acquire_timeout: Duration,
    /// Longest time of one statement on Postgres. A whole call may take this twice, and the wait for a connection.
    pub statement_timeout: Duration,
    /// Postgres: a connection that was idle for this long is asked whether it still lives before it is used.
    pub test_idle: Duration,
    /// Calls that take longer are logged.
    pub slow_query: Duration,
    /// SQLite: pages that the writer keeps in memory, in bytes.
    pub sqlite_cache: u64,
    /// Whether to run the migrations, under a lock.
    pub migrate: bool,
    /// Postgres: who runs the migrations, when that is not the main URL's user. It grants that user the two roles.
    pub owner_url: Option<String>,
    /// Postgres: a login of its own for what crosses tenants (relay, watch, sweeper, key look-up, retention).
    pub relay_url: Option<String>,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            test_idle: Duration::from_millis(100),
            slow_query: Duration::from_millis(500),
            sqlite_cache: 16 << 20,
            migrate: true,
            owner_url: None,
            relay_url: None,
        }
    }
}

impl StorageOptions {
    /// When a call is given up, whatever it is doing: a server that is cut off may never answer.
    pub(crate) fn deadline(&self) -> Duration {
        self.acquire_timeout + 2 * self.statement_timeout
    }
}

// The URLs hold passwords.
impl fmt::Debug for StorageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageOptions")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("test_idle", &self.test_idle)
            .field("slow_query", &self.slow_query)
            .field("sqlite_cache", &self.sqlite_cache)
            .field("migrate", &self.migrate)
            .field("owner_url", &self.owner_url.as_ref().map(|_| "***"))
            .field("relay_url", &self.relay_url.as_ref().map(|_| "***"))
            .finish()
    }
}

/// Why a storage could not be opened. No text of it holds a URL or a password.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The URL names no back end that we have.
    #[error("the database URL must begin with `postgres://`, `postgresql://` or `sqlite:`")]
    UnknownScheme,
    /// The URL cannot be read.
    #[error("the database URL is malformed: {0}")]
    Malformed(#[source] sqlx::Error),
    /// The database does not answer. It may later: try again.
    #[error("cannot reach the database: {0}{hint}", hint = whom_to_trust(.0))]
    Unreachable(#[source] sqlx::Error),
    /// The database file cannot be made or opened.
    #[error("cannot open the database file {path}: {source}")]
    File {
        /// Where it is.
        path: String,
        /// What stands in the way.
        source: std::io::Error,
    },
    /// A migration failed, or the database belongs to another version.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Somebody else migrates, or on SQLite writes, for longer than was waited.
    #[error("somebody else migrates the database{}", holder.as_ref().map(ToString::to_string).unwrap_or_default())]
    Locked {
        /// Who, where that can be seen.
        holder: Option<crate::migrate::Holder>,
    },
    /// Migrations are pending that this login may not apply. Its owner may have done so in a moment.
    #[error(
        "{pending} migrations are pending, and this login may not apply them: {source} (the owner does with `devmesh migrate up`)"
    )]
    MayNotMigrate {
        /// How many.
        pending: usize,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A later version of the program has changed the database so that this one cannot work on it.
    #[error(
        "the database has the migration {version} of a later version, which needs programs that know migration {needs}; \
         this one knows migrations up to {known}: use a later version"
    )]
    Later {
        /// The migration.
        version: i64,
        /// What a program must know.
        needs: i64,
        /// What this one knows.
        known: i64,
    },
    /// The database was not made by this program or an earlier one of it.
    #[error(
        "the database has a migration {version} that this program, which knows migrations up to {known}, has never had: it is \
         that of another program, or of another build"
    )]
    Foreign {
        /// The migration.
        version: i64,
        /// What this program knows.
        known: i64,
    },
    /// The login may not put on a role, or a table is missing.
    #[error(
        "the database is not set up for this login: {0} (run the migrations as the owner, and grant the login \
         the roles devmesh_app and devmesh_relay)"
    )]
    NotSetUp(#[source] sqlx::Error),
}

/// A certificate that is not trusted is a matter of the URL.
fn whom_to_trust(error: &sqlx::Error) -> &'static str {
    if error.to_string().contains("invalid peer certificate") {
        "; `sslrootcert` of database.url names the authorities to trust besides the public ones"
    } else {
        ""
    }
}

impl ConnectError {
    /// Whether trying again later may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Locked { .. } | Self::MayNotMigrate { .. }
        )
    }
}

/// Opens the storage at `url`: `postgres://…`, `sqlite:PATH` or `sqlite::memory:`.
///
/// # Errors
/// [`ConnectError`]; only [`ConnectError::is_transient`] is worth another try.
pub async fn connect(
    url: &str,
    options: &StorageOptions,
    telemetry: &Telemetry,
) -> Result<Storage, ConnectError> {
    let metrics = DbMetrics::new(telemetry);
    match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => postgres::open(url, options, metrics).await,
        Some(("sqlite", _)) => sqlite::open(url, options, metrics).await,
        _ => Err(ConnectError::UnknownScheme),
    }
}

/// The version of the last migration.
pub(crate) fn newest(migrations: &sqlx::migrate::Migrator) -> i64 {
    migrations
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}
