//! How a command fails, and the exit code that says so.

use serde_json::Value;
use thiserror::Error;

/// Why a command did not do what it was asked to.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line or the settings do not fit. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The mesh, or this command itself, said no. Exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The mesh answered with a problem (RFC 9457). Exit code 1.
    #[error("{message}")]
    Problem {
        /// What a person reads: status, detail, and each field on a line.
        message: String,
        /// The HTTP status.
        status: u16,
        /// The problem as it came.
        problem: Value,
    },
    /// The mesh cannot be reached. Exit code 3.
    #[error("{0}")]
    Unreachable(String),
}

/// For `--help`.
pub const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 the mesh cannot be reached.";

impl Failure {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Problem { .. } => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }

    /// A failure of this command itself, with what it was about.
    pub fn of(what: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }

    /// The HTTP status, when the mesh answered with a problem.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
