//! The settings of the catalogue.

use runtime::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long the edge serves from what it knows when the control plane is silent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogueConfig {
    /// Calls are refused when the control plane was not heard of for this long: a revoked key is honoured no longer
    /// than this by a replica that is cut off.
    pub max_age: Duration,
    /// The same for tools that may destroy something.
    pub destructive_max_age: Duration,
    /// A watch that says nothing for this long is broken and is opened again. The control plane speaks at least every
    /// 5 s.
    pub silence: Duration,
}

impl Default for CatalogueConfig {
    fn default() -> Self {
        Self {
            max_age: Duration::from_mins(5),
            destructive_max_age: Duration::from_secs(30),
            silence: Duration::from_secs(6),
        }
    }
}
