//! A row of `providers`, without its description.

use chrono::{DateTime, Utc};
use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection};
use domain::{Provider, ProviderId, TenantId};
use uuid::Uuid;

use crate::column::{Document, Word};

macro_rules! provider_columns {
    () => {
        "id, tenant_id, name, kind, base_url, auth, selection, allowed_hosts, limits, health, version, \
         created_at, refreshed_at"
    };
}
pub(crate) use provider_columns;

/// A row of `providers`, without its description.
#[derive(sqlx::FromRow)]
pub struct ProviderRow {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    kind: Word<ProviderKind>,
    base_url: String,
    auth: Document<AuthScheme>,
    selection: Document<Selection>,
    allowed_hosts: Document<Vec<String>>,
    limits: Document<CallLimits>,
    health: Word<Health>,
    version: i64,
    created_at: DateTime<Utc>,
    refreshed_at: DateTime<Utc>,
}

impl From<ProviderRow> for Provider {
    fn from(row: ProviderRow) -> Self {
        Self {
            id: ProviderId(row.id),
            tenant_id: TenantId(row.tenant_id),
            name: row.name,
            kind: row.kind.0,
            base_url: row.base_url,
            auth: row.auth.0,
            selection: row.selection.0,
            allowed_hosts: row.allowed_hosts.0,
            limits: row.limits.0,
            health: row.health.0,
            version: row.version,
            created_at: row.created_at,
            refreshed_at: row.refreshed_at,
        }
    }
}
