//! Rate limits of those who have none of their own.

use domain::limit::{Defaults, Limit, MAX_BURST, Rate};
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

/// A limit, if there is one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DefaultLimit {
    /// How often: `10/s`, `600/m`, `5/h`, or calls a second such as `0.5`. None by default.
    #[schemars(with = "Option<String>")]
    pub rate: Option<Rate>,
    /// How many calls may come at once. Default: as many as the rate allows in a second, at least one.
    pub burst: Option<u32>,
}

impl DefaultLimit {
    fn limit(&self) -> Option<Limit> {
        let rate = self.rate?;
        let burst = self.burst.unwrap_or_else(|| rate.default_burst());
        Some(Limit {
            rate,
            burst: burst.clamp(1, MAX_BURST),
        })
    }
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
