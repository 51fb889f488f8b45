//! The verbs without a server: for whoever has the database and its keys at hand, and no API key.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use control::{Control, SystemEntropy, SystemIds};
use domain::SystemClock;
use storage::StorageOptions;
use telemetry::Telemetry;

use crate::config::Config;
use crate::service::{BuildError, SealingKeys, sign_in, sqlite_file};

/// Opens the database that these settings name, which must be there already and of this version.
///
/// # Errors
/// When it is not there, or cannot be opened; when a key-encryption key is missing.
pub async fn open(config: &Config, telemetry: &Telemetry) -> Result<Control, BuildError> {
    let url = config.database.url.expose();
    if url.starts_with("sqlite:") {
        let path = sqlite_file(url);
        std::fs::metadata(Path::new(path)).map_err(|source| BuildError::DataDir {
            path: path.to_owned(),
            source,
        })?;
    }
    let entropy = Arc::new(SystemEntropy);
    let vault = SealingKeys::of(config, entropy.as_ref())?.vault(entropy.clone())?;
    let options = StorageOptions {
        max_connections: 2,
        acquire_timeout: config.database.acquire_timeout.get(),
        statement_timeout: config.database.statement_timeout.get(),
        migrate: false,
        ..StorageOptions::default()
    };
    Ok(Control {
        storage: storage::connect(url, &options, telemetry).await?,
        clock: Arc::new(SystemClock),
        entropy,
        ids: Arc::new(SystemIds),
        vault: Arc::new(vault),
        sign_in: Arc::new(sign_in(config)?),
        rules: crate::config::rules(config),
    })
}

/// The names of the key-encryption keys that are at hand.
///
/// # Errors
/// When they are missing, or cannot be read.
pub fn key_names(config: &Config) -> Result<BTreeSet<String>, BuildError> {
    let keys = SealingKeys::of(config, &SystemEntropy)?.now();
    Ok(keys.into_iter().map(|(name, _)| name).collect())
}

/// Whether the key-encryption keys at hand are keys.
///
/// # Errors
/// When they are missing, cannot be read, or are none.
pub fn vault(config: &Config) -> Result<(), BuildError> {
    let entropy = Arc::new(SystemEntropy);
    SealingKeys::of(config, entropy.as_ref())?
        .vault(entropy)
        .map(drop)
}
