//! Configuration as a value: layered, checked, masked, documented.
//!
//! A component declares a struct (`#[derive(Deserialize, Serialize, JsonSchema)]`, `#[serde(default)]` with an
//! `impl Default`); its doc comments become the reference. [`load`] fills it from, later wins:
//!
//! 1. the struct's defaults, also those that an outer struct gives an inner one;
//! 2. a TOML file;
//! 3. environment variables `PREFIX_SECTION__KEY`;
//! 4. overrides `section.key=value` from the command line.
//!
//! A key that does not exist is refused, with where it came from and the nearest that does. Every string
//! setting can be read from a file: `PREFIX_SECTION__KEY_FILE=/path`, and a [`Secret`] in TOML also as
//! `key = { file = "/path" }`; the trailing newline is not part of the value.

mod byte_size;
mod duration;
mod error;
mod layers;
mod live_secret;
mod reference;
mod secret;
mod shape;
mod sources;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use byte_size::ByteSize;
pub use duration::Duration;
pub use error::{ConfigError, Origin, Problem};
pub use live_secret::LiveSecret;
pub use reference::reference;
pub use secret::Secret;
pub use sources::Sources;

use layers::Layers;
use shape::Shape;

/// Reads a component's configuration from its sources.
///
/// # Errors
/// Every unknown key, unreadable file and empty secret at once; or else the first value of the wrong type,
/// with its key, what was given and what was expected. Values of secrets are in no error.
pub fn load<T: DeserializeOwned + JsonSchema>(sources: Sources) -> Result<T, ConfigError> {
    let shape = Shape::of::<T>();
    let mut layers = Layers::over_defaults(&shape);
    sources.apply(&mut layers);
    layers.finish()
}

/// The configuration as JSON for programs: secrets are `***`.
///
/// # Errors
/// When the value has no JSON form (a map with keys that are not strings).
pub fn masked_json<T: Serialize>(config: &T) -> Result<serde_json::Value, ConfigError> {
    serde_json::to_value(config).map_err(|error| ConfigError::from(Problem::NotToml(error.to_string())))
}

/// The configuration as TOML for people: secrets are `***`, what is unset is left out.
///
/// # Errors
/// When the value has no TOML form (a map with keys that are not strings).
pub fn masked<T: Serialize>(config: &T) -> Result<String, ConfigError> {
    toml::to_string_pretty(config).map_err(|error| ConfigError::from(Problem::NotToml(error.to_string())))
}
