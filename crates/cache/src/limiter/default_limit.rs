//! The setting that is a limit.

use domain::limit::{Limit, MAX_BURST, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// It, within the bounds of every limit.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        let rate = self.rate?;
        let burst = self.burst.unwrap_or_else(|| rate.default_burst());
        Some(Limit {
            rate,
            burst: burst.clamp(1, MAX_BURST),
        })
    }
}
