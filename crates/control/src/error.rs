//! Why a verb was not carried out, by its consequence for the caller.

use domain::{Scope, StoreError, Verb};
use serde::Serialize;
use thiserror::Error;

/// A field that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invalid {
    /// The field's name, with dots between levels.
    pub field: String,
    /// What was expected.
    pub expected: String,
}

/// The failure of a verb.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The caller's key lacks this scope.
    #[error("this key lacks the scope `{}`", .0.as_str())]
    Forbidden(Scope),
    /// No such thing in the caller's tenant.
    #[error("not found")]
    NotFound,
    /// The border between two tenants is closed to this. Whoever asks is not told more than that there is nothing.
    #[error("not found")]
    Blocked(Verb),
    /// These fields are not as expected; all of them, not only the first.
    #[error("the request is not valid")]
    Invalid(Vec<Invalid>),
    /// The change collides with what is stored.
    #[error("{field}: {message}")]
    Conflict {
        /// The field that collides.
        field: &'static str,
        /// What stands in the way.
        message: String,
    },
    /// Changed by someone else since the caller read it.
    #[error("it was changed meanwhile: read it again and repeat the change")]
    Stale,
    /// Storage is away; try again.
    #[error("the database is not available; try again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A bug. The cause is logged and never leaves.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ControlError {
    /// One field that is not as expected.
    pub fn invalid(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Invalid(vec![Invalid {
            field: field.into(),
            expected: expected.into(),
        }])
    }

    /// A bug.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            // Storage's words for what no text and no cursor can be.
            StoreError::Conflict {
                field: field @ ("cursor" | "text"),
                message,
            } => Self::invalid(field, message),
            StoreError::Conflict { field, message } => Self::Conflict { field, message },
            StoreError::Stale => Self::Stale,
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

/// Whether a text has at most so many characters, as JSON Schema counts them (`maxLength`): Unicode code points.
#[must_use]
pub fn fits(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().nth(most).is_none()
}

/// Gathers what is wrong with a request, so that the caller is told everything at once.
#[derive(Debug, Default)]
pub struct Check(Vec<Invalid>);

impl Check {
    /// Notes that `field` is not as expected, unless `holds`.
    pub fn that(&mut self, holds: bool, field: &str, expected: impl Into<String>) {
        if !holds {
            self.0.push(Invalid {
                field: field.to_owned(),
                expected: expected.into(),
            });
        }
    }

    /// Whether everything held.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] with every field that did not.
    pub fn finish(self) -> Result<(), ControlError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ControlError::Invalid(self.0))
        }
    }
}
