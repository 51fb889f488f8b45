//! The key-encryption keys.

use std::path::Path;

use control::Entropy;

use super::BuildError;
use super::first_start::write_private;
use crate::config::Config;

/// The configured keys; on SQLite one in `data_dir` is made when there are none.
pub(super) fn key_encryption_keys(
    config: &Config,
    entropy: &dyn Entropy,
) -> Result<Vec<(String, String)>, BuildError> {
    let configured = &config.credentials.keys;
    if !configured.is_empty() {
        return Ok(configured
            .iter()
            .map(|key| (key.id.clone(), key.key.expose().to_owned()))
            .collect());
    }
    if !config.database.url.expose().starts_with("sqlite:") {
        let expected = "at least one key, the same on every replica (`openssl rand -hex 32`)".to_owned();
        return Err(BuildError::Setting {
            key: "credentials.keys",
            expected,
        });
    }
    let path = config.data_dir.join("credentials.key");
    let digits = match std::fs::read_to_string(&path) {
        Ok(digits) => digits.trim().to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            refuse_beside_a_database(&path, config.database.url.expose())?;
            make(&path, entropy)?
        }
        Err(source) => {
            return Err(BuildError::DataDir {
                path: path.display().to_string(),
                source,
            });
        }
    };
    Ok(vec![("local".to_owned(), digits)])
}

fn make(path: &Path, entropy: &dyn Entropy) -> Result<String, BuildError> {
    let mut bytes = [0_u8; 32];
    entropy.fill(&mut bytes);
    let digits = hex::encode(bytes);
    write_private(path, &digits)?;
    Ok(digits)
}

/// A new key opens nothing that an old one sealed: one is made only where nothing can have been sealed yet.
fn refuse_beside_a_database(path: &Path, url: &str) -> Result<(), BuildError> {
    let file = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let file = file.split('?').next().unwrap_or_default();
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
