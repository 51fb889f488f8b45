//! What an agent can do, in which version.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A capability: `code_review`, or `code_review@1.2`. Offered, the version is what the agent has; wanted, the least that does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Capability {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
}

impl Capability {
    /// The longest name.
    pub const MAX_NAME: usize = 64;

    /// Whether who offers this can do what is wanted: the same name, and no older version.
    #[must_use]
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.name == wanted.name && self.version >= wanted.version
    }
}

/// Major, minor, patch; 0.0.0 where none is said, which as a wish means any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Version(pub u32, pub u32, pub u32);

/// What is no capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a capability is `NAME` or `NAME@1.2.3`, its name 1 to 64 of a-z, 0-9, `_`, `-` and `.`")]
pub struct Malformed;

impl FromStr for Version {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut parts = [0; 3];
        let mut given = text.split('.');
        for (place, part) in given.by_ref().take(3).enumerate() {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Malformed);
            }
            parts[place] = part.parse().map_err(|_| Malformed)?;
        }
        match given.next() {
            None => Ok(Self(parts[0], parts[1], parts[2])),
            Some(_) => Err(Malformed),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for Capability {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, version.parse()?),
            None => (text, Version::default()),
        };
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.')
        };
        if name.is_empty() || name.len() > Self::MAX_NAME || !name.bytes().all(allowed) {
            return Err(Malformed);
        }
        Ok(Self {
            name: name.to_owned(),
            version,
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.version == Version::default() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}@{}", self.name, self.version)
        }
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.to_string()
    }
}

impl TryFrom<String> for Capability {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}
