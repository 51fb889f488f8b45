//! The keys of the installation: what services show, and what seals credentials.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use control::{Entropy, Vault};
use runtime::config::{LiveSecret, Secret};
use zeroize::Zeroizing;

use super::BuildError;
use super::first_start::write_private;
use crate::config::Config;
use crate::grpc::ServiceKey;

/// The name of a key-encryption key that has none in its file.
const UNNAMED: &str = "local";

/// The service keys, from the setting or its file.
pub(super) fn service_key(config: &Config) -> Result<ServiceKey, BuildError> {
    let wrong = |expected: String| BuildError::Setting {
        key: "grpc.service_key".to_owned(),
        expected,
    };
    let (fixed, file) = (&config.grpc.service_key, &config.grpc.service_key_file);
    let keys = match file {
        Some(_) if !fixed.is_empty() => {
            return Err(wrong("this or `grpc.service_key_file`, not both".to_owned()));
        }
        Some(path) => LiveSecret::file(path).map_err(|source| BuildError::DataDir {
            path: path.display().to_string(),
            source,
        })?,
        None => LiveSecret::fixed(fixed.clone()),
    };
    let expected = format!(
        "at least {} characters; mcp-server and worker show the same",
        ServiceKey::MIN_LEN
    );
    ServiceKey::new(keys).ok_or_else(|| wrong(expected))
}

/// Where the key-encryption keys come from.
pub(crate) enum SealingKeys {
    /// From the settings.
    Fixed(Vec<(String, Secret)>),
    /// From a file that may change.
    File(LiveSecret),
}

impl SealingKeys {
    /// As the settings say. On SQLite `credentials.key` in `data_dir` when they say nothing; it is made where nothing can
    /// have been sealed yet.
    pub(crate) fn of(config: &Config, entropy: &dyn Entropy) -> Result<Self, BuildError> {
        let (configured, file) = (&config.credentials.keys, &config.credentials.file);
        match file {
            Some(_) if !configured.is_empty() => Err(wrong("this or `credentials.file`, not both")),
            Some(path) => Self::in_file(path),
            None if !configured.is_empty() => {
                let keys = configured.iter().map(|key| (key.id.clone(), key.key.clone()));
                Ok(Self::Fixed(keys.collect()))
            }
            None => {
                let Some(path) = local_file(config) else {
                    let expected = "at least one key, the same on every replica (`openssl rand -hex 32`)";
                    return Err(wrong(expected));
                };
                if !path.exists() {
                    refuse_beside_a_database(&path, config.database.url.expose())?;
                    write_private(&path, &fresh(entropy))?;
                }
                Self::in_file(&path)
            }
        }
    }

    fn in_file(path: &Path) -> Result<Self, BuildError> {
        let live = LiveSecret::file(path).map_err(|source| BuildError::DataDir {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self::File(live))
    }

    /// The keys as they are now, name and digits.
    pub(crate) fn now(&self) -> Vec<(String, Zeroizing<String>)> {
        match self {
            Self::Fixed(keys) => {
                let pair = |(id, key): &(String, Secret)| (id.clone(), key.expose().to_owned().into());
                keys.iter().map(pair).collect()
            }
            Self::File(live) => live.now().iter().map(|line| named(line.expose())).collect(),
        }
    }

    pub(crate) fn vault(&self, entropy: Arc<dyn Entropy>) -> Result<Vault, BuildError> {
        Vault::new(&self.now(), entropy).map_err(|error| wrong(&error.to_string()))
    }
}

/// `NAME DIGITS`, or the digits alone.
fn named(line: &str) -> (String, Zeroizing<String>) {
    let (id, digits) = line.split_once(char::is_whitespace).unwrap_or((UNNAMED, line));
    (id.to_owned(), digits.trim().to_owned().into())
}

fn wrong(expected: &str) -> BuildError {
    BuildError::Setting {
        key: "credentials.keys".to_owned(),
        expected: expected.to_owned(),
    }
}

/// The file of key-encryption keys that these settings mean, if they mean one; it need not be there.
#[must_use]
pub fn sealing_key_file(config: &Config) -> Option<PathBuf> {
    match &config.credentials.file {
        Some(path) => Some(path.clone()),
        None if config.credentials.keys.is_empty() => local_file(config),
        None => None,
    }
}

fn local_file(config: &Config) -> Option<PathBuf> {
    let is_sqlite = config.database.url.expose().starts_with("sqlite:");
    is_sqlite.then(|| config.data_dir.join("credentials.key"))
}

/// A new key-encryption key, as digits.
#[must_use]
pub fn fresh(entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    entropy.fill(bytes.as_mut());
    hex::encode(bytes.as_ref()).into()
}

/// A new key opens nothing that an old one sealed: one is made only where nothing can have been sealed yet.
fn refuse_beside_a_database(path: &Path, url: &str) -> Result<(), BuildError> {
    let file = sqlite_file(url);
    if !std::fs::metadata(file).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let lost = format!(
        "is missing, but the database {file} is there, whose credentials it opens: put it back. If it is lost, write a new \
         one (`openssl rand -hex 32`) and add the providers that have a credential again"
    );
    Err(BuildError::DataDir {
        path: path.display().to_string(),
        source: std::io::Error::other(lost),
    })
}

/// The path in a URL of SQLite.
pub(crate) fn sqlite_file(url: &str) -> &str {
    let file = url.trim_start_matches("sqlite:").trim_start_matches("//");
    file.split('?').next().unwrap_or_default()
}
