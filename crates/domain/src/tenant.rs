//! Organizations and tenants.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{OrganizationId, TenantId};

/// A customer. It owns tenants; nothing else hangs on it directly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Identifier.
    pub id: OrganizationId,
    /// Display name, unique in the installation.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// How far a tenant's agents may see others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Nothing crosses the tenant's border. The default.
    #[default]
    Strict,
    /// Other tenants of the same organization may be granted access.
    Relaxed,
    /// Other tenants of the same organization may discover and message its agents; tasks they give them when they are granted that.
    Open,
}

/// The boundary of isolation: keys, tools, jobs and records all belong to exactly one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Identifier.
    pub id: TenantId,
    /// The organization that owns it.
    pub organization_id: OrganizationId,
    /// Short name, unique in its organization.
    pub name: String,
    /// How far its agents may see others.
    pub isolation: Isolation,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}
