//! A row of `users`.

use chrono::{DateTime, Utc};
use domain::user::HashedPassword;
use domain::{KeyId, Role, TenantId, User, UserId};
use uuid::Uuid;

use crate::column::Word;

macro_rules! user_columns {
    () => {
        "id, tenant_id, name, role, password, key_id, disabled_at, password_at, created_at"
    };
}
pub(crate) use user_columns;

/// A row of `users`.
#[derive(sqlx::FromRow)]
pub struct UserRow {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    role: Word<Role>,
    password: String,
    key_id: Uuid,
    disabled_at: Option<DateTime<Utc>>,
    password_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId(row.id),
            tenant_id: TenantId(row.tenant_id),
            name: row.name,
            role: row.role.0,
            password: HashedPassword(row.password),
            key_id: KeyId(row.key_id),
            disabled_at: row.disabled_at,
            password_at: row.password_at,
            created_at: row.created_at,
        }
    }
}
