//! A row of `api_keys`.

use chrono::{DateTime, Utc};
use domain::{ApiKey, KeyId, KeyKind, Scopes, TenantId};
use uuid::Uuid;

use crate::column::{Document, Word};

macro_rules! key_columns {
    () => {
        "id, tenant_id, name, kind, scopes, pins, prefix, hash, expires_at, revoked_at, last_used_at, created_at"
    };
}
pub(crate) use key_columns;

/// A row of `api_keys`.
#[derive(sqlx::FromRow)]
pub struct KeyRow {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    kind: Word<KeyKind>,
    scopes: Document<Scopes>,
    pins: Document<Vec<String>>,
    prefix: String,
    hash: Vec<u8>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<KeyRow> for ApiKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: KeyId(row.id),
            tenant_id: TenantId(row.tenant_id),
            name: row.name,
            kind: row.kind.0,
            scopes: row.scopes.0,
            pins: row.pins.0,
            prefix: row.prefix,
            hash: row.hash,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
            created_at: row.created_at,
        }
    }
}
