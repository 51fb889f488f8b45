//! A row of `tenants`.

use chrono::{DateTime, Utc};
use domain::{Isolation, OrganizationId, Tenant, TenantId};
use uuid::Uuid;

use crate::column::Word;

macro_rules! tenant_columns {
    () => {
        "id, organization_id, name, isolation, created_at"
    };
}
pub(crate) use tenant_columns;

/// A row of `tenants`.
#[derive(sqlx::FromRow)]
pub struct TenantRow {
    id: Uuid,
    organization_id: Uuid,
    name: String,
    isolation: Word<Isolation>,
    created_at: DateTime<Utc>,
}

impl From<TenantRow> for Tenant {
    fn from(row: TenantRow) -> Self {
        Self {
            id: TenantId(row.id),
            organization_id: OrganizationId(row.organization_id),
            name: row.name,
            isolation: row.isolation.0,
            created_at: row.created_at,
        }
    }
}
