//! API keys.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ports::storage::Keys;
use domain::{ApiKey, EntityKind, KeyId, Page, PageRequest, StoreError, TenantId};

use super::store::{Store, same_tenant};
use super::unit::Unit;
use crate::column::{Document, Word, unsigned};
use crate::cursor;
use crate::fault::Fault;
use crate::rows::key::{KeyRow, key_columns};

/// A key that has expired gives its name up to the next one.
const FREE_NAME: &str = "
    UPDATE api_keys
       SET replaced_by = $3
     WHERE tenant_id = $1 AND name = $2
       AND expires_at <= $4 AND revoked_at IS NULL AND replaced_by IS NULL";

const INSERT: &str = "
    INSERT INTO api_keys (id, tenant_id, name, kind, scopes, pins, prefix, hash,
                          expires_at, revoked_at, last_used_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const GET: &str = concat!(
    "SELECT ",
    key_columns!(),
    "
       FROM api_keys
      WHERE tenant_id = $1 AND id = $2"
);

/// Not one that a user's tokens stand for: that is changed with the user.
const GET_OWN: &str = concat!(
    "SELECT ",
    key_columns!(),
    "
       FROM api_keys
      WHERE tenant_id = $1 AND id = $2 AND user_id IS NULL"
);

const LIST: &str = concat!(
    "SELECT ",
    key_columns!(),
    "
       FROM api_keys
      WHERE tenant_id = $1 AND user_id IS NULL
        AND ($2 IS NULL OR id < $2)
      ORDER BY id DESC
      LIMIT $3"
);

const REVOKE: &str = concat!(
    "UPDATE api_keys
        SET revoked_at = $3
      WHERE tenant_id = $1 AND id = $2 AND user_id IS NULL AND revoked_at IS NULL
     RETURNING ",
    key_columns!()
);

const PIN: &str = concat!(
    "UPDATE api_keys
        SET pins = $3
      WHERE tenant_id = $1 AND id = $2 AND user_id IS NULL
     RETURNING ",
    key_columns!()
);

/// The old key gives its name up at once, and runs out at $4 unless it did so before.
const REPLACE: &str = "
    UPDATE api_keys
       SET replaced_by = $3,
           expires_at = CASE WHEN expires_at < $4 THEN expires_at ELSE $4 END
     WHERE tenant_id = $1 AND id = $2 AND user_id IS NULL
       AND revoked_at IS NULL AND replaced_by IS NULL";

const BY_PREFIX: &str = concat!("SELECT ", key_columns!(), " FROM api_keys WHERE prefix = $1");

const TOUCH: &str = "
    UPDATE api_keys
       SET last_used_at = $3
     WHERE tenant_id = $1 AND id = $2
       AND (last_used_at IS NULL OR last_used_at < $3)";

const COUNT_ACTIVE: &str = "
    SELECT COUNT(*)
      FROM api_keys
     WHERE revoked_at IS NULL AND user_id IS NULL
       AND (expires_at IS NULL OR expires_at > $1)";

#[async_trait]
impl Keys for Store {
    async fn create(&self, tenant: TenantId, key: &ApiKey) -> Result<(), StoreError> {
        self.call("create", "api_keys", async {
            same_tenant(tenant, key.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            sqlx::query(FREE_NAME)
                .bind(tenant.0)
                .bind(&key.name)
                .bind(key.id.0)
                .bind(key.created_at)
                .execute(unit.conn())
                .await?;
            unit.insert_key(key).await?;
            unit.commit().await
        })
        .await
    }

    async fn get(&self, tenant: TenantId, id: KeyId) -> Result<ApiKey, StoreError> {
        self.call("get", "api_keys", async {
            self.read(tenant).await?.key(GET, tenant, id).await
        })
        .await
    }

    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        self.call("list", "api_keys", async {
            let after = cursor::after_id(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<KeyRow> = sqlx::query_as(LIST)
                .bind(tenant.0)
                .bind(after)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let keys: Vec<ApiKey> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(keys, &page, |key| key.id))
        })
        .await
    }

    async fn revoke(&self, tenant: TenantId, id: KeyId, at: DateTime<Utc>) -> Result<ApiKey, StoreError> {
        self.call("revoke", "api_keys", async {
            let mut unit = self.write(tenant).await?;
            let revoked: Option<KeyRow> = sqlx::query_as(REVOKE)
                .bind(tenant.0)
                .bind(id.0)
                .bind(at)
                .fetch_optional(unit.conn())
                .await?;
            let Some(key) = revoked else {
                return unit.key(GET_OWN, tenant, id).await;
            };
            unit.changed(tenant, EntityKind::Key, id.0);
            unit.commit().await?;
            Ok(key.into())
        })
        .await
    }

    async fn pin(&self, tenant: TenantId, id: KeyId, pins: &[String]) -> Result<ApiKey, StoreError> {
        self.call("pin", "api_keys", async {
            let mut unit = self.write(tenant).await?;
            let key: KeyRow = sqlx::query_as(PIN)
                .bind(tenant.0)
                .bind(id.0)
                .bind(Document(pins))
                .fetch_one(unit.conn())
                .await?;
            unit.changed(tenant, EntityKind::Key, id.0);
            unit.commit().await?;
            Ok(key.into())
        })
        .await
    }

    async fn rotate(
        &self,
        tenant: TenantId,
        old: KeyId,
        old_expires_at: DateTime<Utc>,
        new: &ApiKey,
    ) -> Result<(), StoreError> {
        self.call("rotate", "api_keys", async {
            same_tenant(tenant, new.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            let replaced = sqlx::query(REPLACE)
                .bind(tenant.0)
                .bind(old.0)
                .bind(new.id.0)
                .bind(old_expires_at)
                .execute(unit.conn())
                .await?;
            if replaced.rows_affected() == 0 {
                unit.key(GET_OWN, tenant, old).await?;
                let message = "the key was revoked, or rotated already";
                return Err(StoreError::conflict("id", message).into());
            }
            unit.changed(tenant, EntityKind::Key, old.0);
            unit.insert_key(new).await?;
            unit.commit().await
        })
        .await
    }

    async fn by_prefix(&self, prefix: &str) -> Result<Option<ApiKey>, StoreError> {
        self.call("by_prefix", "api_keys", async {
            let mut unit = self.read_across().await?;
            let row: Option<KeyRow> = sqlx::query_as(BY_PREFIX)
                .bind(prefix)
                .fetch_optional(unit.conn())
                .await?;
            Ok(row.map(Into::into))
        })
        .await
    }

    async fn touch(&self, tenant: TenantId, uses: &[(KeyId, DateTime<Utc>)]) -> Result<(), StoreError> {
        self.call("touch", "api_keys", async {
            // In one order, so that two of these never wait for each other.
            let mut uses = uses.to_vec();
            uses.sort_unstable();
            let mut unit = self.write(tenant).await?;
            for (id, at) in uses {
                sqlx::query(TOUCH)
                    .bind(tenant.0)
                    .bind(id.0)
                    .bind(at)
                    .execute(unit.conn())
                    .await?;
            }
            unit.commit().await
        })
        .await
    }

    async fn count_active(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.call("count_active", "api_keys", async {
            let mut unit = self.read_across().await?;
            let count: i64 = sqlx::query_scalar(COUNT_ACTIVE)
                .bind(now)
                .fetch_one(unit.conn())
                .await?;
            Ok(unsigned(count))
        })
        .await
    }
}

impl Unit {
    pub(super) async fn insert_key(&mut self, key: &ApiKey) -> Result<(), Fault> {
        sqlx::query(INSERT)
            .bind(key.id.0)
            .bind(key.tenant_id.0)
            .bind(&key.name)
            .bind(Word(key.kind))
            .bind(Document(&key.scopes))
            .bind(Document(&key.pins))
            .bind(&key.prefix)
            .bind(&key.hash)
            .bind(key.expires_at)
            .bind(key.revoked_at)
            .bind(key.last_used_at)
            .bind(key.created_at)
            .execute(self.conn())
            .await?;
        self.changed(key.tenant_id, EntityKind::Key, key.id.0);
        Ok(())
    }

    async fn key(&mut self, which: &'static str, tenant: TenantId, id: KeyId) -> Result<ApiKey, Fault> {
        let row: KeyRow = sqlx::query_as(which)
            .bind(tenant.0)
            .bind(id.0)
            .fetch_one(self.conn())
            .await?;
        Ok(row.into())
    }
}
