//! Users, and the keys that their tokens stand for.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ports::storage::Users;
use domain::{ApiKey, EntityKind, Page, PageRequest, StoreError, TenantId, User};
use uuid::Uuid;

use super::store::{Store, same_tenant};
use super::unit::Unit;
use crate::column::Word;
use crate::cursor;
use crate::fault::Fault;
use crate::rows::user::{UserRow, user_columns};

const INSERT: &str = "
    INSERT INTO users (id, tenant_id, name, role, password, key_id, disabled_at, password_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const UPDATE: &str = "
    UPDATE users
       SET role = $3, password = $4, key_id = $5, disabled_at = $6, password_at = $7
     WHERE tenant_id = $1 AND id = $2";

const GET: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE tenant_id = $1 AND name = $2"
);

const BY_NAME: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE name = $1");

const LIST: &str = concat!(
    "SELECT ",
    user_columns!(),
    "
       FROM users
      WHERE tenant_id = $1
        AND ($2 IS NULL OR id < $2)
      ORDER BY id DESC
      LIMIT $3"
);

const HAND_OVER: &str = "UPDATE api_keys SET user_id = $3 WHERE tenant_id = $1 AND id = $2";

const REVOKE: &str = "
    UPDATE api_keys
       SET revoked_at = $3
     WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL
    RETURNING id";

#[async_trait]
impl Users for Store {
    async fn create(&self, tenant: TenantId, user: &User, key: &ApiKey) -> Result<(), StoreError> {
        self.call("create", "users", async {
            same_tenant(tenant, user.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            sqlx::query(INSERT)
                .bind(user.id.0)
                .bind(tenant.0)
                .bind(&user.name)
                .bind(Word(user.role))
                .bind(&user.password.0)
                .bind(user.key_id.0)
                .bind(user.disabled_at)
                .bind(user.password_at)
                .bind(user.created_at)
                .execute(unit.conn())
                .await?;
            unit.give_key(user, key).await?;
            unit.commit().await
        })
        .await
    }

    async fn get(&self, tenant: TenantId, name: &str) -> Result<User, StoreError> {
        self.call("get", "users", async {
            let mut unit = self.read(tenant).await?;
            let row: UserRow = sqlx::query_as(GET)
                .bind(tenant.0)
                .bind(name)
                .fetch_one(unit.conn())
                .await?;
            Ok(row.into())
        })
        .await
    }

    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<User>, StoreError> {
        self.call("list", "users", async {
            let after = cursor::after_id(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<UserRow> = sqlx::query_as(LIST)
                .bind(tenant.0)
                .bind(after)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let users: Vec<User> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(users, &page, |user| user.id))
        })
        .await
    }

    async fn renew(
        &self,
        tenant: TenantId,
        user: &User,
        key: Option<&ApiKey>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.call("renew", "users", async {
            let mut unit = self.write(tenant).await?;
            // First, so that of two changes at once the second revokes what the first has given.
            let updated = sqlx::query(UPDATE)
                .bind(tenant.0)
                .bind(user.id.0)
                .bind(Word(user.role))
                .bind(&user.password.0)
                .bind(user.key_id.0)
                .bind(user.disabled_at)
                .bind(user.password_at)
                .execute(unit.conn())
                .await?;
            if updated.rows_affected() == 0 {
                return Err(StoreError::NotFound.into());
            }
            let revoked: Vec<Uuid> = sqlx::query_scalar(REVOKE)
                .bind(tenant.0)
                .bind(user.id.0)
                .bind(at)
                .fetch_all(unit.conn())
                .await?;
            for id in revoked {
                unit.changed(tenant, EntityKind::Key, id);
            }
            if let Some(key) = key {
                unit.give_key(user, key).await?;
            }
            unit.commit().await
        })
        .await
    }

    async fn by_name(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.call("by_name", "users", async {
            let mut unit = self.read_across().await?;
            let row: Option<UserRow> = sqlx::query_as(BY_NAME)
                .bind(name)
                .fetch_optional(unit.conn())
                .await?;
            Ok(row.map(Into::into))
        })
        .await
    }
}

impl Unit {
    async fn give_key(&mut self, user: &User, key: &ApiKey) -> Result<(), Fault> {
        same_tenant(user.tenant_id, key.tenant_id)?;
        self.insert_key(key).await?;
        sqlx::query(HAND_OVER)
            .bind(user.tenant_id.0)
            .bind(key.id.0)
            .bind(user.id.0)
            .execute(self.conn())
            .await?;
        Ok(())
    }
}
