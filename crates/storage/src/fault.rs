//! What can go wrong inside a storage call, and what it means to the caller.

use std::borrow::Cow;
use std::time::Duration;

use domain::StoreError;
use sqlx::error::{DatabaseError, ErrorKind};

/// A failure inside a storage call.
#[derive(Debug)]
pub enum Fault {
    /// An answer of the port.
    Store(StoreError),
    /// What the driver or the database said.
    Sql(sqlx::Error),
    /// The call took longer than any call may.
    TimedOut(Duration),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(StoreError::internal(error))
    }
}

impl Fault {
    /// The port's answer.
    pub fn settle(self) -> StoreError {
        let reason = self.unavailable();
        match self {
            Self::Store(error) => error,
            Self::TimedOut(after) => StoreError::Unavailable(format!("no answer within {after:?}").into()),
            Self::Sql(error) if reason.is_some() => StoreError::Unavailable(error.into()),
            Self::Sql(sqlx::Error::RowNotFound) => StoreError::NotFound,
            Self::Sql(sqlx::Error::Database(error)) => refusal(error),
            Self::Sql(error) => StoreError::internal(error),
        }
    }

    /// Why the database cannot be used just now: the `reason` label of `mcp_database_connection_errors_total`.
    /// None when it can.
    pub fn unavailable(&self) -> Option<&'static str> {
        match self {
            Self::Store(_) => None,
            Self::TimedOut(_) => Some("timeout"),
            Self::Sql(error) => connection_reason(error),
        }
    }
}

/// Why a connection is not usable, as a word of a closed set.
pub fn connection_reason(error: &sqlx::Error) -> Option<&'static str> {
    match error {
        sqlx::Error::PoolTimedOut => Some("pool_timeout"),
        sqlx::Error::PoolClosed => Some("pool_closed"),
        sqlx::Error::Io(_) => Some("io"),
        sqlx::Error::Tls(_) => Some("tls"),
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => Some("protocol"),
        sqlx::Error::Database(error) => error.code().and_then(code_reason),
        _ => None,
    }
}

/// SQLSTATE (Postgres, appendix A) or SQLite's extended result code.
fn code_reason(code: Cow<'_, str>) -> Option<&'static str> {
    if code.len() == 5 {
        return match &*code {
            "57014" => Some("statement_timeout"),
            "40001" | "40P01" | "55P03" => Some("contention"),
            "25006" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => Some("shutdown"),
            _ if code.starts_with("08") => Some("io"),
            _ if code.starts_with("53") => Some("resources"),
            _ if code.starts_with("28") => Some("authentication"),
            _ => None,
        };
    }
    match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some("contention"), // SQLITE_BUSY, SQLITE_LOCKED
        13 => Some("resources"),     // SQLITE_FULL
        14 => Some("io"),            // SQLITE_CANTOPEN
        _ => None,
    }
}

fn refusal(error: Box<dyn DatabaseError>) -> StoreError {
    // Postgres keeps no U+0000 in text (SQLSTATE 22021).
    if error.code().as_deref() == Some("22021") {
        return StoreError::conflict("text", "must not contain the character U+0000");
    }
    match error.kind() {
        ErrorKind::UniqueViolation => match collided(error.constraint(), error.message()) {
            Some(field) => StoreError::conflict(field, format!("this {field} is taken")),
            None => StoreError::internal(sqlx::Error::Database(error)),
        },
        ErrorKind::ForeignKeyViolation => StoreError::NotFound,
        _ => StoreError::internal(sqlx::Error::Database(error)),
    }
}

/// The field behind a unique constraint. Postgres names the constraint, and ours are named `<table>_<field>`;
/// SQLite lists the columns (`UNIQUE constraint failed: tools.tenant_id, tools.name`), the field last.
fn collided(constraint: Option<&str>, message: &str) -> Option<&'static str> {
    let told = constraint.unwrap_or(message);
    let is = |field: &&str| told.ends_with(&format!("_{field}")) || told.ends_with(&format!(".{field}"));
    ["idempotency_key", "name", "prefix", "id"].into_iter().find(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collision_names_the_field_on_both_back_ends() {
        let sqlite = "UNIQUE constraint failed: tools.tenant_id, tools.name";
        assert_eq!(collided(Some("tools_name"), "duplicate key value"), Some("name"));
        assert_eq!(collided(None, sqlite), Some("name"));
        assert_eq!(
            collided(Some("jobs_idempotency_key"), ""),
            Some("idempotency_key")
        );
        assert_eq!(collided(Some("something_else"), ""), None);
    }

    #[test]
    fn what_passes_by_itself_is_told_apart_from_bugs() {
        assert_eq!(code_reason("57P01".into()), Some("shutdown"));
        assert_eq!(code_reason("08006".into()), Some("io"));
        assert_eq!(code_reason("517".into()), Some("contention"));
        assert_eq!(code_reason("42P01".into()), None);
        assert_eq!(code_reason("2067".into()), None);
    }
}
