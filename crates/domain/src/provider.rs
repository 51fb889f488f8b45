//! Providers: the upstreams whose operations become tools.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::breaker::BreakerLimits;
use crate::id::{ProviderId, TenantId};

/// What stands behind a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// An HTTP service that an OpenAPI 3.x or Swagger 2.0 description describes.
    Openapi,
}

impl ProviderKind {
    /// The text form, for example `openapi`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Openapi => "openapi",
        }
    }
}

/// How calls to a provider are authenticated. The secret itself is sealed apart (see [`crate::credential`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthScheme {
    /// Calls carry no credential.
    #[default]
    None,
    /// `Authorization: Bearer SECRET` (RFC 6750).
    Bearer,
    /// `Authorization: Basic base64(SECRET)`, the secret being `user:password` (RFC 7617).
    Basic,
    /// A header of this name carries the secret.
    Header {
        /// Header name, for example `X-Api-Key`.
        name: String,
    },
    /// A query parameter of this name carries the secret.
    Query {
        /// Parameter name.
        name: String,
    },
}

/// The bounds of one provider's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallLimits {
    /// Longest time of one call, connecting and reading included, in milliseconds. 30 s: agents wait no longer.
    pub timeout_ms: u64,
    /// Most calls at once to this provider from one process. 32 keeps a slow upstream from taking every worker.
    pub concurrency: u32,
    /// Longest wait for one of those places, in milliseconds, before the call is refused.
    pub queue_timeout_ms: u64,
    /// Most calls that wait for a place; one more is refused at once. 128: four rounds of the default places.
    pub queue_length: u32,
    /// Most bytes of an answer that are handed to the agent; the rest is cut with a note.
    pub max_response_bytes: u64,
    /// When calls are refused at once because the upstream does not work.
    pub breaker: BreakerLimits,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            concurrency: 32,
            queue_timeout_ms: 5_000,
            queue_length: 128,
            max_response_bytes: 1 << 20,
            breaker: BreakerLimits::default(),
        }
    }
}

impl CallLimits {
    /// [`Self::timeout_ms`] as a duration.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// [`Self::queue_timeout_ms`] as a duration.
    #[must_use]
    pub fn queue_timeout(&self) -> Duration {
        Duration::from_millis(self.queue_timeout_ms)
    }
}

/// Where a provider's description comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DescriptionSource {
    /// Fetched from this address at every refresh, through the same guard as calls.
    Url {
        /// `http` or `https` address.
        url: String,
    },
    /// Handed over with the request; a refresh reads the stored text again.
    Inline {
        /// The JSON or YAML text.
        text: String,
    },
}

/// Which operations become tools. Globs match the operation id, `METHOD /path`, or a tag.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Only what matches one of these; everything when empty.
    pub allow: Vec<String>,
    /// Never what matches one of these.
    pub deny: Vec<String>,
}

/// Whether a provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Not asked yet.
    #[default]
    Unknown,
    /// It answered the last check.
    Healthy,
    /// It did not answer the last check.
    Unhealthy,
}

impl Health {
    /// The text form, for example `healthy`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// One upstream of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Identifier.
    pub id: ProviderId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// Short name, unique in the tenant: `[a-z][a-z0-9-]{0,31}`. Tool names and the `provider` label begin with it.
    pub name: String,
    /// What stands behind it.
    pub kind: ProviderKind,
    /// Where calls go: scheme, host, and a path prefix without trailing slash.
    pub base_url: String,
    /// How calls are authenticated.
    pub auth: AuthScheme,
    /// Which operations become tools.
    pub selection: Selection,
    /// Host names and CIDR blocks that the guard lets through although they are private (see `connectors::guard`).
    pub allowed_hosts: Vec<String>,
    /// Bounds of its calls.
    pub limits: CallLimits,
    /// Result of the last health check.
    pub health: Health,
    /// Counts changes of the row; the ETag of HTTP answers.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its tools were last read from the description.
    pub refreshed_at: DateTime<Utc>,
}

/// Whether `name` may name a provider: `[a-z][a-z0-9-]{0,31}`.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && name.len() <= 32
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// An operation that did not become a tool, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// `METHOD /path`.
    pub operation: String,
    /// Why, in words for the person who added the provider.
    pub reason: String,
}

/// A fault of a description: where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// JSON pointer (RFC 6901) into the description, or `line L, column C` where the text does not parse.
    pub pointer: String,
    /// What was expected and what was found.
    pub message: String,
}
