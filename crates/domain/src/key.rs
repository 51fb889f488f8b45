//! API keys: what is stored, what is presented, and what a caller may do with one.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::id::{KeyId, TenantId};
use crate::principal::Principal;

/// What a key is for. It decides the scopes that the key has when none are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Runs the installation's tenant: everything.
    Admin,
    /// A person.
    User,
    /// An AI agent.
    Agent,
    /// One of the mesh's own services (gRPC between processes).
    Service,
    /// A gateway that calls on behalf of many.
    Gateway,
}

/// One permission. The text form is `noun:verb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// See tools and providers.
    #[serde(rename = "tools:read")]
    ToolsRead,
    /// Call tools.
    #[serde(rename = "tools:call")]
    ToolsCall,
    /// Add, change and remove providers and their tools.
    #[serde(rename = "tools:write")]
    ToolsWrite,
    /// See keys (never their secrets).
    #[serde(rename = "keys:read")]
    KeysRead,
    /// Create, revoke and rotate keys.
    #[serde(rename = "keys:write")]
    KeysWrite,
    /// See jobs and their results.
    #[serde(rename = "jobs:read")]
    JobsRead,
    /// Cancel, retry and resolve jobs.
    #[serde(rename = "jobs:write")]
    JobsWrite,
    /// Read the audit log.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// See alerts.
    #[serde(rename = "alerts:read")]
    AlertsRead,
    /// Tell of alerts, as Alertmanager's webhook does.
    #[serde(rename = "alerts:write")]
    AlertsWrite,
    /// Judge alerts.
    #[serde(rename = "alerts:review")]
    AlertsReview,
    /// See agents, and what the organization allows of them.
    #[serde(rename = "agents:read")]
    AgentsRead,
    /// Be an agent: register, send heartbeats, take tasks and answer them.
    #[serde(rename = "agents:connect")]
    AgentsConnect,
    /// Say which agents are allowed, and send agents away.
    #[serde(rename = "agents:write")]
    AgentsWrite,
    /// See tasks, their history and their results.
    #[serde(rename = "tasks:read")]
    TasksRead,
    /// Create, delegate and cancel tasks.
    #[serde(rename = "tasks:write")]
    TasksWrite,
    /// Create tenants, and allow a provider to reach private addresses.
    #[serde(rename = "admin")]
    Admin,
    /// Speak gRPC as a service.
    #[serde(rename = "internal")]
    Internal,
}

/// A set of permissions.
pub type Scopes = BTreeSet<Scope>;

impl Scope {
    /// Every scope, in order.
    pub const ALL: [Self; 18] = [
        Self::ToolsRead,
        Self::ToolsCall,
        Self::ToolsWrite,
        Self::KeysRead,
        Self::KeysWrite,
        Self::JobsRead,
        Self::JobsWrite,
        Self::AuditRead,
        Self::AlertsRead,
        Self::AlertsWrite,
        Self::AlertsReview,
        Self::AgentsRead,
        Self::AgentsConnect,
        Self::AgentsWrite,
        Self::TasksRead,
        Self::TasksWrite,
        Self::Admin,
        Self::Internal,
    ];

    /// The text form, for example `tools:call`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToolsRead => "tools:read",
            Self::ToolsCall => "tools:call",
            Self::ToolsWrite => "tools:write",
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::AuditRead => "audit:read",
            Self::AlertsRead => "alerts:read",
            Self::AlertsWrite => "alerts:write",
            Self::AlertsReview => "alerts:review",
            Self::AgentsRead => "agents:read",
            Self::AgentsConnect => "agents:connect",
            Self::AgentsWrite => "agents:write",
            Self::TasksRead => "tasks:read",
            Self::TasksWrite => "tasks:write",
            Self::Admin => "admin",
            Self::Internal => "internal",
        }
    }
}

impl KeyKind {
    /// The text form, for example `agent`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Agent => "agent",
            Self::Service => "service",
            Self::Gateway => "gateway",
        }
    }

    /// The scopes of a key of this kind when its creator names none. They are also the most it can have.
    #[must_use]
    pub fn default_scopes(self) -> Scopes {
        use Scope::{
            AgentsConnect, AgentsRead, AgentsWrite, AlertsRead, AlertsReview, AlertsWrite, AuditRead,
            Internal, JobsRead, JobsWrite, TasksRead, TasksWrite, ToolsCall, ToolsRead, ToolsWrite,
        };
        match self {
            Self::Admin => Scope::ALL.into_iter().filter(|s| *s != Internal).collect(),
            Self::User => [
                ToolsRead,
                ToolsCall,
                ToolsWrite,
                JobsRead,
                JobsWrite,
                AuditRead,
                AlertsRead,
                AlertsWrite,
                AlertsReview,
                AgentsRead,
                AgentsConnect,
                AgentsWrite,
                TasksRead,
                TasksWrite,
            ]
            .into(),
            Self::Agent => [
                ToolsRead,
                ToolsCall,
                JobsRead,
                AgentsRead,
                AgentsConnect,
                TasksRead,
                TasksWrite,
            ]
            .into(),
            Self::Service => [Internal].into(),
            Self::Gateway => [
                ToolsRead,
                ToolsCall,
                JobsRead,
                JobsWrite,
                AgentsRead,
                AgentsConnect,
                TasksRead,
                TasksWrite,
            ]
            .into(),
        }
    }
}

/// A key as it is stored: the secret only as its SHA-256. The secret has 256 random bits, so a slow hash adds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Identifier.
    pub id: KeyId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What a person calls it.
    pub name: String,
    /// What it is for.
    pub kind: KeyKind,
    /// What it may do.
    pub scopes: Scopes,
    /// Tools that its holder is shown by themselves even where there are too many to show all (see [`crate::pin`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<String>,
    /// The public part of the key text, unique in the installation; keys are looked up by it.
    pub prefix: String,
    /// SHA-256 of the secret part, 32 bytes.
    #[serde(with = "hex")]
    pub hash: Vec<u8>,
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last accepted, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Why a key was refused. The caller is told only "401"; metrics and audit tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRefusal {
    /// None was presented.
    #[error("no API key was presented")]
    Missing,
    /// The text has not the form of a key.
    #[error("the API key is malformed")]
    Malformed,
    /// No such key, or the secret is wrong.
    #[error("the API key is not known")]
    Unknown,
    /// Its time is over.
    #[error("the API key has expired")]
    Expired,
    /// It was revoked.
    #[error("the API key was revoked")]
    Revoked,
}

impl KeyRefusal {
    /// The `outcome` label of `mcp_auth_attempts_total`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl ApiKey {
    /// Whether `presented` is this key and it may be used at `now`. The secret is compared in constant time and first,
    /// so that a wrong secret never learns that the key expired.
    ///
    /// # Errors
    /// The reason for the refusal.
    pub fn verify(&self, presented: &PresentedKey, now: DateTime<Utc>) -> Result<Principal, KeyRefusal> {
        if !bool::from(presented.hash().ct_eq(self.hash.as_slice())) {
            return Err(KeyRefusal::Unknown);
        }
        self.accept(now)
    }

    /// Whether it may be used at `now` by whoever has shown already that it is theirs.
    ///
    /// # Errors
    /// The reason for the refusal.
    pub fn accept(&self, now: DateTime<Utc>) -> Result<Principal, KeyRefusal> {
        if self.revoked_at.is_some_and(|at| at <= now) {
            return Err(KeyRefusal::Revoked);
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(KeyRefusal::Expired);
        }
        Ok(self.principal())
    }

    /// Who acts when this key is used.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            tenant_id: self.tenant_id,
            key_id: self.id,
            kind: self.kind,
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            until: self.expires_at,
        }
    }
}

/// A key as a caller presents it: `dm_<prefix>_<secret>`, 12 and 64 hexadecimal digits. Never printed.
#[derive(Clone)]
pub struct PresentedKey {
    prefix: String,
    secret: Zeroizing<String>,
}

impl PresentedKey {
    const MARK: &'static str = "dm_";
    const PREFIX_LEN: usize = 12;
    const SECRET_LEN: usize = 64;

    /// Makes a key from 38 random bytes: 6 for the prefix, 32 for the secret, both in hexadecimal.
    #[must_use]
    pub fn mint(random: &[u8; 38]) -> Self {
        let (prefix, secret) = random.split_at(6);
        Self {
            prefix: hex::encode(prefix),
            secret: Zeroizing::new(hex::encode(secret)),
        }
    }

    /// Reads the text that a caller sent.
    ///
    /// # Errors
    /// [`KeyRefusal::Malformed`] when it has not the form `dm_` + 12 + `_` + 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, KeyRefusal> {
        let rest = text.strip_prefix(Self::MARK).ok_or(KeyRefusal::Malformed)?;
        let (prefix, secret) = rest.split_once('_').ok_or(KeyRefusal::Malformed)?;
        let hexadecimal = |s: &str| s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let well_formed = prefix.len() == Self::PREFIX_LEN
            && secret.len() == Self::SECRET_LEN
            && hexadecimal(prefix)
            && hexadecimal(secret);
        if !well_formed {
            return Err(KeyRefusal::Malformed);
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
        })
    }

    /// The public part, by which the key is looked up.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// SHA-256 of the secret part.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }

    /// The whole text. It is shown once, to the person who creates the key.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}{}_{}", Self::MARK, self.prefix, self.secret.as_str()))
    }
}

impl std::fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PresentedKey({}…)", self.prefix)
    }
}
