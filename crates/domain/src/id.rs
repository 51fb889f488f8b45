//! Identifiers: UUIDs version 7 (RFC 9562, section 5.7), so that they sort by creation time.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh identifier.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// An organization: the customer; it owns tenants.
    OrganizationId,
    /// A tenant: the boundary of isolation. Every storage call takes one.
    TenantId,
    /// An API key.
    KeyId,
    /// A user: a person with a password.
    UserId,
    /// A task that was given to somebody by name.
    AssignmentId,
    /// A provider: one upstream that offers tools.
    ProviderId,
    /// One tool of a provider.
    ToolId,
    /// A rate limit.
    LimitId,
    /// A background job.
    JobId,
    /// An audit record; the receiver drops a record whose id it has already.
    RecordId,
    /// One time that an alert fired.
    AlertId,
    /// A registered agent.
    AgentId,
    /// A task.
    TaskId,
    /// One choice of an agent for a task.
    DecisionId,
    /// A message between agents.
    MessageId,
}
