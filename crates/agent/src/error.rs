//! What can go wrong: with the mesh, and with a task.

use std::fmt;
use std::time::Duration;

use frames::Rpc;
use frames::message::INVALID_PARAMS;
use serde_json::Value;
use thiserror::Error;

/// The caller has asked too much at once: nothing was done.
const LIMITED: i32 = -32_029;

/// Why an agent ends, or why a request to the mesh comes to nothing.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum Error {
    /// The builder was given something that cannot be.
    #[error("{0}")]
    Settings(String),
    /// The handshake was refused for a reason that time does not mend: the key, the address, the origin.
    #[error("the mesh refuses the connection: {status} {detail}")]
    Handshake {
        /// The HTTP status.
        status: u16,
        /// What the answer says.
        detail: String,
    },
    /// The mesh has said no to a request.
    #[error("{0}")]
    Refused(Refused),
    /// Another instance has registered under this agent's name: this one must not go on.
    #[error("another instance has registered as this agent since")]
    Replaced,
    /// The connection broke while a request ran that is not harmless to repeat: it was done once or not at all.
    #[error("the connection broke, and it is not known whether this was done")]
    InDoubt,
    /// No answer came in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The agent has ended.
    #[error("the agent has ended")]
    Ended,
}

/// What the mesh answers instead of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// JSON-RPC's code, or one of the mesh's own.
    pub code: i32,
    /// Why, for people.
    pub message: String,
    /// What else a program may want to know.
    pub data: Value,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl From<Rpc> for Refused {
    fn from(error: Rpc) -> Self {
        Self {
            code: error.code,
            message: error.message,
            data: error.data.unwrap_or(Value::Null),
        }
    }
}

impl Refused {
    /// A refusal of this end.
    pub(crate) fn here(code: i32, message: String) -> Self {
        Self {
            code,
            message,
            data: Value::Null,
        }
    }

    /// What the mesh has not even begun, because too much was asked of it at once; and after which time it may.
    #[must_use]
    pub fn limited(&self) -> Option<Duration> {
        let wait = self.data["retryAfterMs"].as_u64().unwrap_or(100);
        (self.code == LIMITED).then(|| Duration::from_millis(wait))
    }

    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.limited().is_some() || matches!(self.data["status"].as_str(), Some("unavailable" | "internal"))
    }

    /// Whether what was said does not count: the task is another agent's by now, or is over.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.data["status"] == "conflict" || self.data["status"] == "not_found"
    }

    /// Whether what was sent is not as it has to be.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.code == INVALID_PARAMS
    }
}

/// Why a task was not done. Any error becomes one with `?`: of the kind `error`, and not worth another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A word for programs, at most 64 bytes.
    pub kind: String,
    /// For people; cut at 4,000 bytes.
    pub message: String,
    /// Whether another try may help, here or at another agent.
    pub retry: bool,
}

impl Failure {
    /// A failure that another try will not mend.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            retry: false,
        }
    }

    /// A failure that another try may mend.
    pub fn passing(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            retry: true,
            ..Self::new(kind, message)
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new("error", error.to_string())
    }
}
