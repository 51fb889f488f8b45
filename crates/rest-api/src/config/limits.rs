//! Rate limits of those who have none of their own.

use cache::DefaultLimit;
use domain::limit::Defaults;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rate limits of those who have none of their own (`devmesh limits`), for calls that come by this API. Set here what is
/// set for mcp-server: both take from the same buckets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls of each tenant. Off by default: a limit that nobody chose refuses calls that nobody expects.
    pub tenant: DefaultLimit,
    /// Calls with each key. Off by default, as for tenants.
    pub key: DefaultLimit,
    /// Calls of each tool in each tenant. Off by default, as for tenants.
    pub tool: DefaultLimit,
}

impl LimitsConfig {
    /// As the rule of a call wants them.
    #[must_use]
    pub fn defaults(&self) -> Defaults {
        Defaults {
            tenant: self.tenant.limit(),
            key: self.key.limit(),
            tool: self.tool.limit(),
        }
    }
}
