//! Kinds and scopes of keys, as the API spells them.

use domain::{KeyKind, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Spells an enum of the domain for the API: the same words, with a schema.
macro_rules! mirrored {
    ($(#[$doc:meta])* $name:ident of $domain:ident { $($variant:ident = $text:tt,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[allow(missing_docs, reason = "the variants are documented in the domain")]
        pub enum $name { $(#[serde(rename = $text)] $variant,)+ }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $($domain::$variant => Self::$variant,)+ }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant,)+ }
            }
        }
    };
}
pub(crate) use mirrored;

mirrored! {
    /// What a key is for; it decides the scopes that the key can have.
    Kind of KeyKind {
        Admin = "admin",
        User = "user",
        Agent = "agent",
        Service = "service",
        Gateway = "gateway",
    }
}

mirrored! {
    /// One permission.
    ScopeName of Scope {
        ToolsRead = "tools:read",
        ToolsCall = "tools:call",
        ToolsWrite = "tools:write",
        KeysRead = "keys:read",
        KeysWrite = "keys:write",
        JobsRead = "jobs:read",
        JobsWrite = "jobs:write",
        AuditRead = "audit:read",
        AlertsRead = "alerts:read",
        AlertsWrite = "alerts:write",
        AlertsReview = "alerts:review",
        AgentsRead = "agents:read",
        AgentsConnect = "agents:connect",
        AgentsWrite = "agents:write",
        TasksRead = "tasks:read",
        TasksWrite = "tasks:write",
        Admin = "admin",
        Internal = "internal",
    }
}
