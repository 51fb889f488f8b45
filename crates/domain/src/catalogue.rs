//! The catalogue that the edge keeps in memory, and the numbered changes that keep it current.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::TenantId;
use crate::key::ApiKey;
use crate::limit::RateLimit;
use crate::provider::Provider;
use crate::tenant::Tenant;
use crate::tool::Tool;

/// What the catalogue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A tenant.
    Tenant,
    /// An API key.
    Key,
    /// A provider.
    Provider,
    /// A tool.
    Tool,
    /// A rate limit.
    Limit,
}

impl EntityKind {
    /// The text form, for example `provider`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Key => "key",
            Self::Provider => "provider",
            Self::Tool => "tool",
            Self::Limit => "limit",
        }
    }
}

/// One thing of the catalogue, as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Entity {
    /// A tenant.
    Tenant(Tenant),
    /// An API key.
    Key(ApiKey),
    /// A provider.
    Provider(Provider),
    /// A tool.
    Tool(Box<Tool>),
    /// A rate limit.
    Limit(RateLimit),
}

/// One numbered change. Numbers are given under one lock at commit: who has seen number n has seen all below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The number; strictly rising, gaps are possible after retention.
    pub number: i64,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// What changed.
    pub kind: EntityKind,
    /// Which one.
    pub id: Uuid,
    /// The thing as it stands now; none when it is gone.
    pub entity: Option<Entity>,
}
