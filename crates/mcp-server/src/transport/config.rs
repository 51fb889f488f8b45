//! The settings of the endpoint.

use runtime::config::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests reach the MCP endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TransportConfig {
    /// Values of `Host` that are answered, with or without port. Default: loopback names, so that a web page cannot
    /// reach a local mesh by DNS rebinding. Empty answers every host: only behind a proxy that checks it.
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` that are answered (`scheme://host:port`, `:*` for any port). Default: loopback. Requests
    /// without `Origin`, which is all but browsers, are always answered.
    pub allowed_origins: Vec<String>,
    /// The largest body of a request. Default 4MiB.
    pub max_body: ByteSize,
    /// The time a client has to send the body. Default 30s.
    pub body_timeout: Duration,
    /// Most requests and open streams at once. Default 8192; further ones are answered 503.
    pub max_requests: usize,
    /// How often a stream that has nothing to say shows that it is alive. Default 15s, below the idle limit of proxies.
    pub keep_alive: Duration,
}

impl TransportConfig {
    pub(super) fn max_body_bytes(&self) -> usize {
        usize::try_from(self.max_body.get()).unwrap_or(usize::MAX)
    }
}

impl Default for TransportConfig {
    fn default() -> Self {
        let owned = |texts: [&str; 3]| texts.map(str::to_owned).to_vec();
        Self {
            allowed_hosts: owned(["localhost", "127.0.0.1", "::1"]),
            allowed_origins: owned(["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"]),
            max_body: ByteSize::mib(4),
            body_timeout: Duration::from_secs(30),
            max_requests: 8_192,
            keep_alive: Duration::from_secs(15),
        }
    }
}
