//! What a storage call can answer besides its result.

use thiserror::Error;

/// The failure of a storage call, by its consequence for the caller.
#[derive(Debug, Error)]
pub enum StoreError {
    /// No such row in this tenant. Another tenant's row and no row at all are the same answer.
    #[error("not found")]
    NotFound,
    /// The change collides with what is stored; `field` names the field, `message` says what was expected.
    #[error("{field}: {message}")]
    Conflict {
        /// The field that collides, for example `name`.
        field: &'static str,
        /// What stands in the way.
        message: String,
    },
    /// The row was changed by someone else since the caller read it (If-Match, compare-and-set, a lost lease).
    #[error("changed meanwhile")]
    Stale,
    /// The database cannot be reached just now: try again. HTTP answers 503 with `Retry-After`.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A bug or a broken row. HTTP answers 500; the cause is logged and never leaves.
    #[error("internal storage error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// A conflict on `field`.
    pub fn conflict(field: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict {
            field,
            message: message.into(),
        }
    }

    /// A bug or a broken row.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}
