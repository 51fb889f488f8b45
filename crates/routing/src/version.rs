//! Versions of capabilities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Up to three numbers; what is missing is zero, so that `2` is `2.0.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(pub [u32; 3]);

/// The text is not one to three numbers with dots between them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version: one to three numbers with dots between them, as in 2.1")]
pub struct NotAVersion(String);

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let mut numbers = [0; 3];
        for (at, part) in text.split('.').enumerate() {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            let (Some(place), Ok(number), true) = (numbers.get_mut(at), part.parse(), digits) else {
                return Err(NotAVersion(text.to_owned()));
            };
            *place = number;
        }
        Ok(Self(numbers))
    }
}

impl TryFrom<String> for Version {
    type Error = NotAVersion;

    fn try_from(text: String) -> Result<Self, NotAVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_and_not_by_text() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("1.10") > version("1.9.9"));
        assert_eq!(version("2"), version("2.0.0"));
        assert_eq!(version("2.1").to_string(), "2.1.0");
    }

    #[test]
    fn what_is_not_a_version_is_refused_by_name() {
        for wrong in ["", "1.", ".1", "1.2.3.4", "v1", "+1", "1.-2", "99999999999"] {
            let error = wrong.parse::<Version>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
    }
}
