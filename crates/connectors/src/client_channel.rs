//! The way back to the client that called: progress, questions and log messages while a call runs.

use async_trait::async_trait;
use serde_json::Value;

/// Hears of a call's progress (MCP 2025-11-25, "Progress").
#[async_trait]
pub trait ProgressSink: Send + Sync {
    /// `progress` grows with every report; `total` is in the same unit, if it is known.
    async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>);
}

/// The client that called, as far as a provider may ask something of it.
///
/// One interface for both eras of MCP. Up to 2025-11-25 a question is a request to the client, and the call waits
/// for the answer. From 2026-07-28 on the call ends with the open questions (`input_required`) and is made again
/// with the answers: then [`ClientChannel::ask`] answers from what came along, or with [`AskError::Pending`],
/// upon which the provider returns at once (what it returns is not shown to anybody).
#[async_trait]
pub trait ClientChannel: Send + Sync {
    /// Asks the client all these questions; answers come in the same order.
    ///
    /// # Errors
    /// [`AskError`]; `Pending` is no failure.
    async fn ask(&self, questions: Vec<Question>) -> Result<Vec<Value>, AskError>;

    /// Whether the client said that it can answer such a question.
    fn answers(&self, question: &Ask) -> bool;

    /// What the provider put aside with [`Self::keep`] in the round before, untampered.
    fn kept(&self) -> Option<Value> {
        None
    }

    /// Puts something aside for the round after a [`AskError::Pending`].
    fn keep(&self, _state: Value) {}

    /// Sends a log message (`notifications/message`) if the client wants that level.
    /// Levels are those of RFC 5424 in lower case, for example `warning`.
    async fn log(&self, level: &str, logger: Option<&str>, data: Value);
}

/// One question, under a key that is the same in every round of the same call.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Names the question.
    pub key: String,
    /// What is asked.
    pub ask: Ask,
}

/// What can be asked of a client. The parameters are MCP's own.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// `sampling/createMessage` with these parameters.
    CreateMessage(Value),
    /// `elicitation/create` with these parameters.
    Elicit(Value),
    /// `roots/list`.
    ListRoots,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The answer comes with the next round of the call.
    #[error("the client is being asked")]
    Pending,
    /// The client cannot be asked this.
    #[error("the client does not offer {0}")]
    Unsupported(&'static str),
    /// The client refused or went away.
    #[error("{0}")]
    Failed(String),
}
