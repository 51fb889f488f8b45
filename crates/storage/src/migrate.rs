//! The schema: what is applied, what is pending, who migrates at this moment; and bringing it up to date.
//!
//! Migrations only add, so that the program of the release before runs on today's schema: it takes migrations that it does
//! not know for those of a later release. One that an older program could not live with says so by its name,
//! `0020_needs_0015_what_it_does.sql`: programs whose newest migration is older than 0015 refuse such a database.

mod plan;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::backup::Backend;
use crate::connect::ConnectError;
use crate::{postgres, sqlite};

pub(crate) use plan::{APPLIED, Applied, done, newest_applied, pending, refuse, steps};
pub use plan::{State, Step};

/// The schema of a database, and what this program knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schema {
    /// Which back end.
    pub backend: Backend,
    /// The newest migration that is applied; 0 for none.
    pub schema: i64,
    /// The newest migration that this program knows.
    pub known: i64,
    /// Who holds what a migration waits for.
    pub lock: Option<Holder>,
    /// Each migration that is known or applied, the oldest first.
    pub migrations: Vec<Step>,
}

/// Who holds the lock: on Postgres whoever migrates, on SQLite whoever writes at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Its process: on Postgres the server's for that connection.
    pub process: i64,
    /// What it calls itself.
    pub application: Option<String>,
    /// Where it comes from; none for a socket, and where this login may not see it.
    pub client: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (process {}", self.process)?;
        if let Some(application) = &self.application {
            write!(f, ", {application}")?;
        }
        if let Some(client) = &self.client {
            write!(f, ", from {client}")?;
        }
        f.write_str(")")
    }
}

impl Schema {
    /// How many migrations are pending.
    #[must_use]
    pub fn pending(&self) -> usize {
        pending(&self.migrations).count()
    }

    /// Why this program does not run on it.
    #[must_use]
    pub fn refusal(&self) -> Option<ConnectError> {
        refuse(&self.migrations, self.known).err()
    }
}

/// Looks, and changes nothing. A SQLite file that is not there has everything pending.
///
/// # Errors
/// When the database cannot be reached or read.
pub async fn status(url: &str) -> Result<Schema, ConnectError> {
    match backend(url)? {
        Backend::Postgres => postgres::schema(url).await,
        Backend::Sqlite => sqlite::schema(url).await,
    }
}

/// Applies what is pending, under a lock, and tells of each. Several may do so at once: each migration is applied once. On
/// Postgres each is a transaction of its own, and `login`, who serves, is given the two roles when it is somebody else; on
/// SQLite all of them are one.
///
/// # Errors
/// When the lock is not free for `patience`, this login may not migrate, or the database belongs to another program.
pub async fn up(
    url: &str,
    login: &str,
    patience: Duration,
    tell: &mut (dyn FnMut(&Step) + Send),
) -> Result<(), ConnectError> {
    match backend(url)? {
        Backend::Postgres => postgres::migrate(url, login, patience, tell).await,
        Backend::Sqlite => sqlite::migrate(url, patience, tell).await,
    }
}

fn backend(url: &str) -> Result<Backend, ConnectError> {
    Backend::of(url).map_err(|_| ConnectError::UnknownScheme)
}
