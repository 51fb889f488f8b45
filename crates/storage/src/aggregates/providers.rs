//! Providers: reading, changing, removing. How they are imported is in `import.rs`, their tools in `tools.rs`.

use async_trait::async_trait;
use domain::credential::SealedCredential;
use domain::ports::storage::{Description, Import, Providers, ToolDiff};
use domain::provider::{Health, Skipped};
use domain::readback::Readback;
use domain::{EntityKind, Page, PageRequest, Provider, ProviderId, StoreError, TenantId, Tool};
use uuid::Uuid;

use super::dialect;
use super::store::{Store, same_tenant};
use super::unit::Unit;
use crate::column::{Document, Word};
use crate::cursor;
use crate::fault::Fault;
use crate::rows::provider::{ProviderRow, provider_columns};

const GET: &str = concat!(
    "SELECT ",
    provider_columns!(),
    "
       FROM providers
      WHERE tenant_id = $1 AND id = $2"
);

const BY_NAME: &str = concat!(
    "SELECT ",
    provider_columns!(),
    "
       FROM providers
      WHERE tenant_id = $1 AND name = $2"
);

const LIST: &str = concat!(
    "SELECT ",
    provider_columns!(),
    "
       FROM providers
      WHERE tenant_id = $1
        AND ($2 IS NULL OR name > $2)
      ORDER BY name
      LIMIT $3"
);

const DESCRIPTION: &str = "
    SELECT description, description_url, skipped
      FROM providers
     WHERE tenant_id = $1 AND id = $2";

const UPDATE: &str = "
    UPDATE providers
       SET name = $3, kind = $4, base_url = $5, auth = $6, selection = $7,
           allowed_hosts = $8, limits = $9, version = $10
     WHERE tenant_id = $1 AND id = $2";

const REMOVE_TOOLS: &str = "
    DELETE FROM tools
     WHERE tenant_id = $1 AND provider_id = $2
    RETURNING id";

const REMOVE: &str = "DELETE FROM providers WHERE tenant_id = $1 AND id = $2";

const RECORD_HEALTH: &str = "
    UPDATE providers
       SET health = $3
     WHERE tenant_id = $1 AND id = $2 AND health <> $3";

const CREDENTIAL: &str = "
    SELECT kek_id, sealed_key, sealed_secret
      FROM credentials
     WHERE tenant_id = $1 AND provider_id = $2";

#[async_trait]
impl Providers for Store {
    async fn import(
        &self,
        tenant: TenantId,
        import: &Import,
        credential: Option<&SealedCredential>,
    ) -> Result<ToolDiff, StoreError> {
        self.call("import", "providers", async {
            same_tenant(tenant, import.provider.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            let diff = unit.import(tenant, import, credential).await?;
            unit.commit().await?;
            Ok(diff)
        })
        .await
    }

    async fn get(&self, tenant: TenantId, id: ProviderId) -> Result<Provider, StoreError> {
        self.call("get", "providers", async {
            self.read(tenant).await?.provider(tenant, id).await
        })
        .await
    }

    async fn by_name(&self, tenant: TenantId, name: &str) -> Result<Provider, StoreError> {
        self.call("by_name", "providers", async {
            let mut unit = self.read(tenant).await?;
            let row: ProviderRow = sqlx::query_as(BY_NAME)
                .bind(tenant.0)
                .bind(name)
                .fetch_one(unit.conn())
                .await?;
            Ok(row.into())
        })
        .await
    }

    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<Provider>, StoreError> {
        self.call("list", "providers", async {
            let after = cursor::after_name(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<ProviderRow> = sqlx::query_as(LIST)
                .bind(tenant.0)
                .bind(after)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let providers: Vec<Provider> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(providers, &page, |provider| provider.name.clone()))
        })
        .await
    }

    async fn description(&self, tenant: TenantId, id: ProviderId) -> Result<Description, StoreError> {
        self.call("description", "providers", async {
            let mut unit = self.read(tenant).await?;
            let (text, url, skipped): (String, Option<String>, Document<Vec<Skipped>>) =
                sqlx::query_as(DESCRIPTION)
                    .bind(tenant.0)
                    .bind(id.0)
                    .fetch_one(unit.conn())
                    .await?;
            Ok(Description {
                text,
                url,
                skipped: skipped.0,
            })
        })
        .await
    }

    async fn update(
        &self,
        tenant: TenantId,
        provider: &Provider,
        expected: i64,
    ) -> Result<Provider, StoreError> {
        self.call("update", "providers", async {
            same_tenant(tenant, provider.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            let stored = unit
                .lock_provider(tenant, provider.id)
                .await?
                .ok_or(StoreError::NotFound)?;
            if stored.version != expected {
                return Err(StoreError::Stale.into());
            }
            let updated = unit.replace_provider(&stored, provider).await?;
            unit.commit().await?;
            Ok(updated)
        })
        .await
    }

    async fn remove(
        &self,
        tenant: TenantId,
        id: ProviderId,
        expected: Option<i64>,
    ) -> Result<(), StoreError> {
        self.call("remove", "providers", async {
            let mut unit = self.write(tenant).await?;
            let stored = unit
                .lock_provider(tenant, id)
                .await?
                .ok_or(StoreError::NotFound)?;
            if expected.is_some_and(|expected| expected != stored.version) {
                return Err(StoreError::Stale.into());
            }
            let tools: Vec<Uuid> = sqlx::query_scalar(REMOVE_TOOLS)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_all(unit.conn())
                .await?;
            sqlx::query(REMOVE)
                .bind(tenant.0)
                .bind(id.0)
                .execute(unit.conn())
                .await?;
            for tool in tools {
                unit.changed(tenant, EntityKind::Tool, tool);
            }
            unit.changed(tenant, EntityKind::Provider, id.0);
            unit.commit().await
        })
        .await
    }

    async fn record_health(
        &self,
        tenant: TenantId,
        id: ProviderId,
        health: Health,
    ) -> Result<(), StoreError> {
        self.call("record_health", "providers", async {
            let mut unit = self.write(tenant).await?;
            let differs = sqlx::query(RECORD_HEALTH)
                .bind(tenant.0)
                .bind(id.0)
                .bind(Word(health))
                .execute(unit.conn())
                .await?;
            if differs.rows_affected() == 0 {
                unit.provider(tenant, id).await?;
                return Ok(());
            }
            unit.changed(tenant, EntityKind::Provider, id.0);
            unit.commit().await
        })
        .await
    }

    async fn credential(
        &self,
        tenant: TenantId,
        id: ProviderId,
    ) -> Result<Option<SealedCredential>, StoreError> {
        self.call("credential", "credentials", async {
            let mut unit = self.read(tenant).await?;
            unit.provider(tenant, id).await?;
            unit.credential(tenant, id).await
        })
        .await
    }

    async fn tool(&self, tenant: TenantId, name: &str) -> Result<Tool, StoreError> {
        self.call("tool", "tools", async {
            self.read(tenant).await?.tool(tenant, name).await
        })
        .await
    }

    async fn readback(&self, tenant: TenantId, tool: &str) -> Result<Option<Readback>, StoreError> {
        self.call("readback", "tools", async {
            self.read(tenant).await?.readback(tenant, tool).await
        })
        .await
    }

    async fn set_readback(
        &self,
        tenant: TenantId,
        tool: &str,
        readback: Option<&Readback>,
    ) -> Result<(), StoreError> {
        self.call("set_readback", "tools", async {
            let mut unit = self.write(tenant).await?;
            unit.set_readback(tenant, tool, readback).await?;
            unit.commit().await
        })
        .await
    }

    async fn tools(
        &self,
        tenant: TenantId,
        provider: Option<ProviderId>,
        page: PageRequest,
    ) -> Result<Page<Tool>, StoreError> {
        self.call("tools", "tools", async {
            self.read(tenant).await?.tools(tenant, provider, page).await
        })
        .await
    }
}

impl Unit {
    /// The provider, its row locked until the transaction ends.
    pub(super) async fn lock_provider(
        &mut self,
        tenant: TenantId,
        id: ProviderId,
    ) -> Result<Option<Provider>, Fault> {
        let row: Option<ProviderRow> = sqlx::query_as(dialect::LOCK_PROVIDER)
            .bind(tenant.0)
            .bind(id.0)
            .fetch_optional(self.conn())
            .await?;
        Ok(row.map(Into::into))
    }

    /// Puts what a person decides about a provider in place of what is stored; the rest of the row stays.
    pub(super) async fn replace_provider(
        &mut self,
        stored: &Provider,
        new: &Provider,
    ) -> Result<Provider, Fault> {
        let updated = Provider {
            tenant_id: stored.tenant_id,
            health: stored.health,
            version: stored.version + 1,
            created_at: stored.created_at,
            refreshed_at: stored.refreshed_at,
            ..new.clone()
        };
        sqlx::query(UPDATE)
            .bind(updated.tenant_id.0)
            .bind(updated.id.0)
            .bind(&updated.name)
            .bind(Word(updated.kind))
            .bind(&updated.base_url)
            .bind(Document(&updated.auth))
            .bind(Document(&updated.selection))
            .bind(Document(&updated.allowed_hosts))
            .bind(Document(updated.limits))
            .bind(updated.version)
            .execute(self.conn())
            .await?;
        self.changed(updated.tenant_id, EntityKind::Provider, updated.id.0);
        Ok(updated)
    }

    /// The sealed credential of a provider.
    pub(super) async fn credential(
        &mut self,
        tenant: TenantId,
        id: ProviderId,
    ) -> Result<Option<SealedCredential>, Fault> {
        let row: Option<(String, Vec<u8>, Vec<u8>)> = sqlx::query_as(CREDENTIAL)
            .bind(tenant.0)
            .bind(id.0)
            .fetch_optional(self.conn())
            .await?;
        let sealed = |(kek_id, sealed_key, sealed_secret)| SealedCredential {
            kek_id,
            sealed_key,
            sealed_secret,
        };
        Ok(row.map(sealed))
    }

    async fn provider(&mut self, tenant: TenantId, id: ProviderId) -> Result<Provider, Fault> {
        let row: ProviderRow = sqlx::query_as(GET)
            .bind(tenant.0)
            .bind(id.0)
            .fetch_one(self.conn())
            .await?;
        Ok(row.into())
    }
}
