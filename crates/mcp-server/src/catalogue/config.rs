//! The settings of the catalogue.

use domain::limit::Rate;
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
    /// Most providers whose credentials a replica asks for before they are needed, and again before they are too old
    /// (`egress.credential_hold_ms`). Default 256: what worked before an outage of the control plane works in it, on every
    /// replica. With 0 a credential is asked for when it is first needed, and is in no other replica's memory.
    pub credentials_ahead: usize,
    /// How often rest-api is asked for keys that are not known here, because they were made a moment ago: `10/s`, `600/m`.
    /// Default 20/s: guessed keys must be no load there. Beyond it, an unknown key is refused at once.
    #[schemars(with = "String")]
    pub key_lookups: Rate,
    /// How many of them at once. Default 20.
    pub key_lookup_burst: u32,
    /// How long a key that rest-api does not know either is refused without asking again. Default 10s; times `key_lookups`
    /// that is how many are remembered.
    pub key_unknown: Duration,
    /// How long a request waits for a key that rest-api knows to arrive here. Default 5s: it takes milliseconds while the
    /// control plane is heard.
    pub key_arrival: Duration,
}

impl Default for CatalogueConfig {
    fn default() -> Self {
        Self {
            max_age: Duration::from_mins(5),
            destructive_max_age: Duration::from_secs(30),
            silence: Duration::from_secs(6),
            credentials_ahead: 256,
            key_lookups: Rate::per(20.0),
            key_lookup_burst: 20,
            key_unknown: Duration::from_secs(10),
            key_arrival: Duration::from_secs(5),
        }
    }
}
