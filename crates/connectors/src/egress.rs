//! Settings of everything that leaves for upstreams.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests leave for upstreams, the same for every provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EgressConfig {
    /// Hosts that the guard lets through although they are private: `host`, `*.suffix`, an address, or a CIDR block,
    /// each with an optional `:port`. Default: none, because a registered URL must not reach what is behind the
    /// firewall unless somebody said so.
    pub allow_hosts: Vec<String>,
    /// Whether a provider's own `allowed_hosts` count as well. Default: true; turn it off where tenants are not
    /// trusted with the network of the mesh.
    pub honour_provider_hosts: bool,
    /// Longest time to connect, TLS included, in milliseconds. Default: 5000; a host that is down is told apart
    /// from one that is slow.
    pub connect_timeout_ms: u64,
    /// Most redirects that are followed. Default: 5; more is a loop.
    pub max_redirects: usize,
    /// The `User-Agent` header. Default: `devmesh/VERSION`; some upstreams refuse requests without one.
    pub user_agent: String,
    /// How long an idle connection is kept, in milliseconds. Default: 60000; load balancers commonly cut after that.
    pub pool_idle_timeout_ms: u64,
    /// Most idle connections to one host. Default: 32, as many as a provider's calls at once.
    pub pool_max_idle_per_host: usize,
    /// Most bytes read of any answer, after decompression, whatever a provider's own limit says. Default: 16 MiB;
    /// it bounds memory.
    pub max_response_bytes: u64,
    /// Longest time to fetch an API description, in milliseconds. Default: 60000.
    pub description_timeout_ms: u64,
    /// How long a credential of a provider is used after rest-api last gave it, in milliseconds. Default: 600000; mcp-server
    /// asks again after a third of it, so that in an outage there is one for longer than `catalogue.max_age`.
    pub credential_hold_ms: u64,
    /// PEM file with certificates of authorities to trust besides the system's. Default: none.
    pub ca_file: Option<PathBuf>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            allow_hosts: Vec::new(),
            honour_provider_hosts: true,
            connect_timeout_ms: 5_000,
            max_redirects: 5,
            user_agent: concat!("devmesh/", env!("CARGO_PKG_VERSION")).to_owned(),
            pool_idle_timeout_ms: 60_000,
            pool_max_idle_per_host: 32,
            max_response_bytes: 16 << 20,
            description_timeout_ms: 60_000,
            credential_hold_ms: 600_000,
            ca_file: None,
        }
    }
}

impl EgressConfig {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn credential_hold(&self) -> Duration {
        Duration::from_millis(self.credential_hold_ms)
    }

    pub(crate) fn pool_idle_timeout(&self) -> Duration {
        Duration::from_millis(self.pool_idle_timeout_ms)
    }

    pub(crate) fn description_timeout(&self) -> Duration {
        Duration::from_millis(self.description_timeout_ms)
    }
}
