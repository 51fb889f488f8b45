//! Who acts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{KeyId, TenantId};
use crate::key::{KeyKind, Scope, Scopes};

/// Who acts: the result of a successful authentication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The caller's tenant.
    pub tenant_id: TenantId,
    /// The key that was used.
    pub key_id: KeyId,
    /// What the key is for.
    pub kind: KeyKind,
    /// The key's name; logged as `user_id`.
    pub name: String,
    /// What the caller may do.
    pub scopes: Scopes,
    /// From when on what was shown is refused: the end of the key, or of the access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl Principal {
    /// The same, at most until then.
    #[must_use]
    pub fn until(mut self, end: DateTime<Utc>) -> Self {
        self.until = Some(self.until.map_or(end, |until| until.min(end)));
        self
    }

    /// Whether the caller may do `scope`.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}
