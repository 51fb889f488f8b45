//! JSON-RPC 2.0, read into types at the door: what comes out of here is a message, or the refusal that answers it.

mod read;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use read::refused;
pub use read::{batch, one};

use crate::header::Kind;
use crate::method;

/// The method of a notification of how far a request is.
pub const PROGRESS: &str = "notifications/progress";

/// The text was not JSON (JSON-RPC 2.0, section 5.1).
pub const PARSE_ERROR: i32 = -32_700;
/// It was JSON, but no message.
pub const INVALID_REQUEST: i32 = -32_600;
/// Nobody answers this method.
pub const METHOD_NOT_FOUND: i32 = -32_601;
/// The params do not fit the method.
pub const INVALID_PARAMS: i32 = -32_602;

/// What a request and its answer have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// A whole number.
    Number(i64),
    /// Text of at most 128 bytes.
    Text(String),
}

/// The error of a refused request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rpc {
    /// Which one: JSON-RPC's codes, or one of the application's.
    pub code: i32,
    /// What is wrong, for people.
    pub message: String,
    /// What else a program may want to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A call that wants an answer.
    Request {
        /// What the answer will carry.
        id: Id,
        /// What is asked for.
        method: String,
        /// An object, if there are any.
        params: Option<Value>,
    },
    /// A message that wants none.
    Notification {
        /// What is told.
        method: String,
        /// An object, if there are any.
        params: Option<Value>,
    },
    /// What a request came to.
    Response {
        /// Of which one.
        id: Id,
        /// Any JSON.
        result: Value,
    },
    /// A refusal.
    Error {
        /// Of which request; none where it could not be told.
        id: Option<Id>,
        /// Why.
        error: Rpc,
    },
}

/// Text that is no message: what its sender is answered, while the connection goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The id, as far as it could be read.
    pub id: Option<Id>,
    /// The answer.
    pub error: Rpc,
    /// Whether an answer is due: a notification or an answer gets none, however wrong.
    pub is_answered: bool,
}

/// What one frame holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// One message.
    One(Message),
    /// Several; what is no message among them is refused by itself.
    Batch(Vec<Result<Message, Refusal>>),
    /// Whether we are there: answer with these bytes.
    Ping(Bytes),
    /// The other end is there.
    Pong(Bytes),
}

/// A message as it is written.
#[derive(Serialize)]
struct Written<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Option<&'a Id>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Rpc>,
}

impl Rpc {
    /// An error without data.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }
}

impl Refusal {
    /// The answer, if one is due.
    #[must_use]
    pub fn answer(self) -> Option<Message> {
        self.is_answered.then_some(Message::Error {
            id: self.id,
            error: self.error,
        })
    }
}

impl Message {
    /// The type of the frame that carries it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Request { .. } => Kind::Request,
            Self::Notification { method, .. } if method == PROGRESS => Kind::Progress,
            Self::Notification { .. } => Kind::Notification,
            Self::Response { .. } => Kind::Response,
            Self::Error { .. } => Kind::Error,
        }
    }

    /// The id, of those that have one.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Request { id, .. } | Self::Response { id, .. } => Some(id),
            Self::Error { id, .. } => id.as_ref(),
            Self::Notification { .. } => None,
        }
    }

    /// The method, of those that have one.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::Request { method, .. } | Self::Notification { method, .. } => Some(method),
            _ => None,
        }
    }

    /// The method's number for the header; 0 for one without.
    #[must_use]
    pub fn method_number(&self) -> u16 {
        self.method().map_or(method::NAMED, method::number)
    }

    /// Its text.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(128);
        // Writing values with text keys into memory cannot fail.
        let _ = serde_json::to_writer(&mut text, &self.written());
        text
    }

    fn written(&self) -> Written<'_> {
        let empty = Written {
            jsonrpc: "2.0",
            id: None,
            method: None,
            params: None,
            result: None,
            error: None,
        };
        match self {
            Self::Request { id, method, params } => Written {
                id: Some(Some(id)),
                method: Some(method),
                params: params.as_ref(),
                ..empty
            },
            Self::Notification { method, params } => Written {
                method: Some(method),
                params: params.as_ref(),
                ..empty
            },
            Self::Response { id, result } => Written {
                id: Some(Some(id)),
                result: Some(result),
                ..empty
            },
            Self::Error { id, error } => Written {
                id: Some(id.as_ref()),
                error: Some(error),
                ..empty
            },
        }
    }
}
