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
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(&path, entropy)?,
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
