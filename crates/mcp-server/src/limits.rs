//! The rate limits of a call: those that somebody set, which the catalogue knows, else the defaults of the settings.

use std::sync::Arc;

use cache::{DefaultLimit, Exceeded, Limiter, LimiterOptions};
use domain::limit::{Bucket, Defaults, Subject};
use domain::{Principal, Provider, Tool};
use runtime::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;

/// Rate limits of those who have none of their own (`devmesh limits`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls of each tenant. Off by default: a limit that nobody chose refuses calls that nobody expects, and a call
    /// without a limit costs no round trip to the cache.
    pub tenant: DefaultLimit,
    /// Calls with each key. Off by default, as for tenants.
    pub key: DefaultLimit,
    /// Calls of each tool in each tenant. Off by default, as for tenants.
    pub tool: DefaultLimit,
    /// How long a call waits for the shared cache before it is counted on this replica alone. Default 100ms: ten times
    /// what a busy Redis takes, and little beside the call itself.
    pub wait: Duration,
    /// How often the same limit may be logged as nearly used up. Default 1m: often enough for an alert.
    pub warn_every: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            tenant: DefaultLimit::default(),
            key: DefaultLimit::default(),
            tool: DefaultLimit::default(),
            wait: Duration::from_millis(100),
            warn_every: Duration::from_mins(1),
        }
    }
}

impl LimitsConfig {
    /// What a limiter needs of it.
    #[must_use]
    pub fn options(&self) -> LimiterOptions {
        LimiterOptions {
            timeout: self.wait.get(),
            warn_every: self.warn_every.get(),
            ..LimiterOptions::default()
        }
    }
}

/// The limits of calls.
#[derive(Clone)]
pub struct Limits {
    catalogue: Catalogue,
    limiter: Arc<Limiter>,
    defaults: Defaults,
}

impl Limits {
    /// The limits that `catalogue` knows, over the defaults of `config`.
    #[must_use]
    pub fn new(catalogue: Catalogue, limiter: Arc<Limiter>, config: &LimitsConfig) -> Self {
        Self {
            catalogue,
            limiter,
            defaults: Defaults {
                tenant: config.tenant.limit(),
                key: config.key.limit(),
                tool: config.tool.limit(),
            },
        }
    }

    /// Takes what a call costs, if the caller may make it now.
    ///
    /// # Errors
    /// The limit that is used up.
    pub async fn take(&self, caller: &Principal, tool: &Tool, provider: &Provider) -> Result<(), Exceeded> {
        let buckets = self.buckets(caller, &tool.name, Some(&provider.name));
        self.limiter.take(&buckets).await
    }

    /// The same for a tool of the mesh's own, which no provider has.
    ///
    /// # Errors
    /// The limit that is used up.
    pub async fn take_own(&self, caller: &Principal, tool: &str) -> Result<(), Exceeded> {
        self.limiter.take(&self.buckets(caller, tool, None)).await
    }

    fn buckets(&self, caller: &Principal, tool: &str, provider: Option<&str>) -> Vec<Bucket> {
        let set = self.catalogue.limits(caller.tenant_id);
        if set.is_none() && self.defaults.are_none() {
            return Vec::new();
        }
        let subjects = [
            Some(Subject::Tenant),
            Some(Subject::Key(caller.name.clone())),
            provider.map(|name| Subject::Provider(name.to_owned())),
            Some(Subject::Tool(tool.to_owned())),
        ];
        let bucket = |subject: Subject| {
            let own = set.as_ref().and_then(|set| set.get(&subject).copied());
            Some(Bucket {
                tenant_id: caller.tenant_id,
                limit: own.or_else(|| self.defaults.of(&subject))?,
                subject,
            })
        };
        subjects.into_iter().flatten().filter_map(bucket).collect()
    }
}
