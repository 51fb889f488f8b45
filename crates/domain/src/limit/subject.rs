//! Whom a limit binds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name in a subject, in bytes: a key's name has at most 100 characters.
const MAX_NAME: usize = 400;

/// Whom a limit binds, by name, so that a limit outlives the rotation of a key and the refresh of a provider. Its text is
/// `tenant`, `key:NAME`, `provider:NAME` (its tools together) or `tool:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// All calls of the tenant.
    Tenant,
    /// Calls with the key of this name.
    Key(String),
    /// Calls of this provider's tools, together.
    Provider(String),
    /// Calls of the tool.
    Tool(String),
}

/// What is wrong with a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`tenant`, `key:NAME`, `provider:NAME` or `tool:NAME`")]
pub struct InvalidSubject;

impl Subject {
    /// What kind it is: `tenant`, `key`, `provider` or `tool`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Key(_) => "key",
            Self::Provider(_) => "provider",
            Self::Tool(_) => "tool",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("tenant"),
            Self::Key(name) | Self::Provider(name) | Self::Tool(name) => {
                write!(f, "{}:{name}", self.kind())
            }
        }
    }
}

impl FromStr for Subject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        if text == "tenant" {
            return Ok(Self::Tenant);
        }
        let (kind, name) = text.split_once(':').ok_or(InvalidSubject)?;
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(InvalidSubject);
        }
        match kind {
            "key" => Ok(Self::Key(name.to_owned())),
            "provider" => Ok(Self::Provider(name.to_owned())),
            "tool" => Ok(Self::Tool(name.to_owned())),
            _ => Err(InvalidSubject),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = InvalidSubject;
    fn try_from(text: String) -> Result<Self, InvalidSubject> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}
