//! Reading messages.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{INVALID_PARAMS, INVALID_REQUEST, Id, Message, PARSE_ERROR, Refusal, Rpc};

/// Longest id of text.
const MAX_ID: usize = 128;
/// Longest name of a method.
const MAX_METHOD: usize = 128;

/// The members of a message. Others are ignored, so that a later version may add some; these may be there once.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Members {
    #[serde(deserialize_with = "present")]
    jsonrpc: Option<Value>,
    #[serde(deserialize_with = "present")]
    id: Option<Value>,
    #[serde(deserialize_with = "present")]
    method: Option<Value>,
    #[serde(deserialize_with = "present")]
    params: Option<Value>,
    #[serde(deserialize_with = "present")]
    result: Option<Value>,
    #[serde(deserialize_with = "present")]
    error: Option<Value>,
    #[serde(deserialize_with = "present")]
    seq: Option<Value>,
}

/// `null` is a value that is there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// One message and its number (0 for none). `named` is the method that the header names for one that names none.
///
/// # Errors
/// What its sender is answered.
pub fn one(text: &str, named: Option<&str>) -> Result<(u64, Message), Refusal> {
    if !starts_with(text, b'{') {
        let code = match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => INVALID_REQUEST,
            Err(_) => PARSE_ERROR,
        };
        return Err(nameless(code, "a message is a JSON object"));
    }
    let members: Members = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    members.message(named)
}

/// The messages of a batch and its number, which its first one carries.
///
/// # Errors
/// When it is no batch at all.
pub fn batch(text: &str, most: usize) -> Result<(u64, Vec<Result<Message, Refusal>>), Refusal> {
    if !starts_with(text, b'[') {
        return Err(nameless(INVALID_REQUEST, "a batch is a JSON array"));
    }
    let parts: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    if parts.is_empty() || parts.len() > most {
        let message = format!("a batch has 1 to {most} messages, not {}", parts.len());
        return Err(nameless(INVALID_REQUEST, message));
    }
    let mut sequence = 0;
    let mut messages = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let read = one(part.get(), None).and_then(|(own, message)| match (index, own) {
            (0, _) => {
                sequence = own;
                Ok(message)
            }
            (_, 0) => Ok(message),
            _ => Err(refused(
                Some(&message),
                "seq: the first message of a batch carries it",
            )),
        });
        messages.push(read);
    }
    Ok((sequence, messages))
}

fn starts_with(text: &str, wanted: u8) -> bool {
    text.bytes().find(|byte| !byte.is_ascii_whitespace()) == Some(wanted)
}

/// A refusal of something that has no id.
fn nameless(code: i32, message: impl Into<String>) -> Refusal {
    Refusal {
        id: None,
        error: Rpc::new(code, message),
        is_answered: true,
    }
}

/// Not JSON, or a member that is there twice.
fn unreadable(error: &serde_json::Error) -> Refusal {
    match error.classify() {
        serde_json::error::Category::Data => nameless(INVALID_REQUEST, format!("no message: {error}")),
        _ => nameless(PARSE_ERROR, format!("not JSON: {error}")),
    }
}

/// A refusal of what could be read and does not fit its frame. An answer is never answered.
pub(crate) fn refused(message: Option<&Message>, why: impl Into<String>) -> Refusal {
    Refusal {
        id: message.and_then(Message::id).cloned(),
        error: Rpc::new(INVALID_REQUEST, why),
        is_answered: !matches!(message, Some(Message::Response { .. } | Message::Error { .. })),
    }
}

impl Members {
    fn message(self, named: Option<&str>) -> Result<(u64, Message), Refusal> {
        let is_answer = self.result.is_some() || self.error.is_some();
        let is_answered = !is_answer || self.method.is_some() || named.is_some();
        let known = self.id.clone().and_then(|value| id(value).ok());
        self.read(named).map_err(|(code, message)| Refusal {
            id: known,
            error: Rpc::new(code, message),
            is_answered,
        })
    }

    fn read(self, named: Option<&str>) -> Result<(u64, Message), (i32, String)> {
        let invalid = |message: String| (INVALID_REQUEST, message);
        if self.jsonrpc.as_ref().and_then(Value::as_str) != Some("2.0") {
            return Err(invalid("jsonrpc: expected \"2.0\"".to_owned()));
        }
        let sequence = sequence(self.seq.as_ref()).map_err(invalid)?;
        let method = method(self.method, named).map_err(invalid)?;
        let params = self.params;
        if method.is_some() && params.as_ref().is_some_and(|params| !params.is_object()) {
            return Err((INVALID_PARAMS, "params: expected an object".to_owned()));
        }
        let error = self.error.as_ref().map(error).transpose().map_err(invalid)?;
        let message = match (method, self.id, self.result, error) {
            (Some(method), None, None, None) => Message::Notification { method, params },
            (Some(method), Some(value), None, None) => Message::Request {
                id: id(value).map_err(invalid)?,
                method,
                params,
            },
            (None, Some(value), Some(result), None) => Message::Response {
                id: id(value).map_err(invalid)?,
                result,
            },
            (None, None | Some(Value::Null), None, Some(error)) => Message::Error { id: None, error },
            (None, Some(value), None, Some(error)) => Message::Error {
                id: Some(id(value).map_err(invalid)?),
                error,
            },
            (None, None, Some(_), None) => return Err(invalid("id: an answer has one".to_owned())),
            (None, _, None, None) => {
                return Err(invalid("neither method nor result nor error".to_owned()));
            }
            _ => return Err(invalid("more than one of method, result and error".to_owned())),
        };
        Ok((sequence, message))
    }
}

fn id(value: Value) -> Result<Id, String> {
    match value {
        Value::Number(number) => number.as_i64().map(Id::Number),
        Value::String(text) => (text.len() <= MAX_ID).then_some(Id::Text(text)),
        _ => None,
    }
    .ok_or_else(|| format!("id: expected a whole number, or text of at most {MAX_ID} bytes"))
}

fn sequence(value: Option<&Value>) -> Result<u64, String> {
    match value {
        None => Ok(0),
        Some(value) => value
            .as_u64()
            .ok_or_else(|| "seq: expected a whole number from 0".to_owned()),
    }
}

fn method(value: Option<Value>, named: Option<&str>) -> Result<Option<String>, String> {
    let own = match value {
        None => return Ok(named.map(str::to_owned)),
        Some(Value::String(text)) if (1..=MAX_METHOD).contains(&text.len()) => text,
        Some(_) => return Err(format!("method: expected text of 1 to {MAX_METHOD} bytes")),
    };
    match named {
        Some(named) if named != own => Err(format!("method: the header names {named}")),
        _ => Ok(Some(own)),
    }
}

fn error(value: &Value) -> Result<Rpc, String> {
    let code = value["code"].as_i64().and_then(|code| i32::try_from(code).ok());
    let message = value["message"].as_str();
    match (code, message) {
        (Some(code), Some(message)) => Ok(Rpc {
            code,
            message: message.to_owned(),
            data: value.get("data").cloned(),
        }),
        _ => Err("error: expected an object with code and message".to_owned()),
    }
}
