//! What crosses the border between two tenants of one organization: the modes of both, and what the one grants the other.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::TenantId;
use crate::tenant::{Isolation, Tenant};

/// What agents of one tenant may do with those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// See that they are there and what they can do.
    Discover,
    /// Send them messages.
    Message,
    /// Give them tasks.
    Assign,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 3] = [Self::Discover, Self::Message, Self::Assign];

    /// The text form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Message => "message",
            Self::Assign => "assign",
        }
    }

    /// What it reaches for: the label `resource` of `mcp_cross_org_attempts_blocked_total`.
    #[must_use]
    pub fn resource(self) -> &'static str {
        match self {
            Self::Discover => "agent",
            Self::Message => "message",
            Self::Assign => "task",
        }
    }
}

/// That agents of `to` may do `verb` with those of `tenant_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The tenant that grants it.
    pub tenant_id: TenantId,
    /// The tenant that it is granted to.
    pub to: TenantId,
    /// What.
    pub verb: Verb,
    /// Since when.
    pub granted_at: DateTime<Utc>,
}

/// Whether `verb` may reach from one tenant into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// It may.
    Allowed,
    /// One of them is strict, or what is needed was not granted.
    Closed,
    /// They belong to different organizations: nothing ever crosses.
    OtherOrganization,
}

/// The one rule. Within a tenant everything is allowed; between organizations nothing is; a strict tenant lets nothing in and
/// sends nothing out; a relaxed one lets in what it has granted; an open one lets its organization discover and message it, and
/// gives tasks only to whom it has granted that.
#[must_use]
pub fn crossing(from: &Tenant, to: &Tenant, verb: Verb, granted: bool) -> Crossing {
    if from.id == to.id {
        return Crossing::Allowed;
    }
    if from.organization_id != to.organization_id {
        return Crossing::OtherOrganization;
    }
    let open = match (from.isolation, to.isolation) {
        (Isolation::Strict, _) | (_, Isolation::Strict) => false,
        (_, Isolation::Relaxed) => granted,
        (_, Isolation::Open) => granted || verb != Verb::Assign,
    };
    if open { Crossing::Allowed } else { Crossing::Closed }
}
