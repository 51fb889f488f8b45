//! Why a call could not be made or answered, before it becomes an answer.

use domain::{CallErrorKind, CallOutcome};

/// A failure with words that a model, or the person who added the provider, can act on.
///
/// The words never contain a credential, an argument's value, or an address that a name resolved to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallFailure {
    /// Which of the closed set of failures it is.
    pub kind: CallErrorKind,
    /// What happened and what would help.
    pub message: String,
}

impl CallFailure {
    /// A failure of this kind.
    pub fn new(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn arguments(message: impl Into<String>) -> Self {
        Self::new(CallErrorKind::InvalidArguments, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(CallErrorKind::AddressRefused, message)
    }
}

impl From<CallFailure> for CallOutcome {
    fn from(failure: CallFailure) -> Self {
        Self::failed(failure.kind, failure.message)
    }
}
