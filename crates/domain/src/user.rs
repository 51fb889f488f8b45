//! Users: people who sign in with a password. What a user may do hangs on a key of their own, which has no text that anybody
//! could show: access tokens stand for it. So whatever holds for a key (scopes, limits, audit, an end within a second
//! on every replica) holds for a user.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{KeyId, TenantId, UserId};
use crate::key::{KeyKind, Scope, Scopes};

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything that an admin key may.
    Owner,
    /// Everything in the tenant; not other tenants, nor private addresses.
    Admin,
    /// Works with tools, agents and tasks; has no say over keys and users.
    Member,
    /// Looks.
    Readonly,
}

impl Role {
    /// The text form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Readonly => "readonly",
        }
    }

    /// What the user's own key is for.
    #[must_use]
    pub fn kind(self) -> KeyKind {
        match self {
            Self::Owner | Self::Admin => KeyKind::Admin,
            Self::Member | Self::Readonly => KeyKind::User,
        }
    }

    /// What the user's own key may do.
    #[must_use]
    pub fn scopes(self) -> Scopes {
        use Scope::{AgentsRead, AlertsRead, AuditRead, JobsRead, TasksRead, ToolsRead};
        match self {
            Self::Owner | Self::Member => self.kind().default_scopes(),
            Self::Admin => {
                let all = self.kind().default_scopes().into_iter();
                all.filter(|scope| *scope != Scope::Admin).collect()
            }
            Self::Readonly => [ToolsRead, JobsRead, AuditRead, AlertsRead, AgentsRead, TasksRead].into(),
        }
    }
}

/// A password as it is stored: what argon2id made of it, with its parameters and salt (`$argon2id$v=19$m=…`). Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedPassword(pub String);

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword(***)")
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// The tenant that the user belongs to.
    pub tenant_id: TenantId,
    /// What they sign in with; unique in the installation, because a sign-in names no tenant.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What their password became.
    pub password: HashedPassword,
    /// The key that their tokens stand for; another one after each change of the password.
    pub key_id: KeyId,
    /// Since when they may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the password was last set.
    pub password_at: DateTime<Utc>,
    /// When they were added.
    pub created_at: DateTime<Utc>,
}

/// Whether a user may have this name: 1 to 100 of `a-z 0-9 . _ @ + -`, a letter or digit first. One spelling for one person.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=100).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || b"._@+-".contains(&byte))
}
