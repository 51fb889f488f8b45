//! What can be wrong with a configuration, said so that the reader can mend it.

use std::fmt;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The code's default.
    Default,
    /// A line of a TOML file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Env(String),
    /// A `key=value` override on the command line.
    Override,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Override => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A key that no setting has.
    #[error("unknown key `{key}` ({origin}){}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// The key as it was written.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// The existing key that looks most like it.
        nearest: Option<String>,
    },
    /// A value that the setting cannot take.
    #[error("`{key}` ({origin}): {message}")]
    WrongValue {
        /// The setting.
        key: String,
        /// Where the value was given.
        origin: Origin,
        /// What was given and what was expected.
        message: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {}{}: {message}", path.display(), for_key(key.as_deref()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The setting whose value it holds; none for the configuration file itself.
        key: Option<String>,
        /// The operating system's reason.
        message: String,
    },
    /// A file that is not TOML.
    #[error("{} is not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what was expected there.
        message: String,
    },
    /// A value without TOML form.
    #[error("the configuration cannot be shown: {0}")]
    NotToml(String),
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

fn for_key(key: Option<&str>) -> String {
    key.map(|key| format!(" for `{key}`")).unwrap_or_default()
}

/// Why a configuration was refused: everything that was found, in the order of the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// What was found, at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => write!(f, "configuration refused: {only}"),
            several => {
                f.write_str("configuration refused:")?;
                several.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}
