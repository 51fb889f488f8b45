//! Organizations and tenants.

use async_trait::async_trait;
use domain::ports::storage::Tenants;
use domain::{
    ApiKey, EntityKind, Grant, Isolation, Organization, Page, PageRequest, StoreError, Tenant, TenantId,
};
use uuid::Uuid;

use super::store::{Store, same_tenant};
use super::unit::Unit;
use crate::column::Word;
use crate::cursor;
use crate::fault::Fault;
use crate::rows::tenant::{TenantRow, tenant_columns};

/// Two first starts at once wait for each other here.
const LOCK_INSTALLATION: &str = "UPDATE change_counter SET number = number";

const ANY_TENANT: &str = "SELECT id FROM tenants LIMIT 1";

const INSERT_ORGANIZATION: &str = "
    INSERT INTO organizations (id, name, created_at)
    VALUES ($1, $2, $3)";

const INSERT: &str = "
    INSERT INTO tenants (id, organization_id, name, isolation, created_at)
    VALUES ($1, $2, $3, $4, $5)";

const GET: &str = concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE id = $1");

const SIBLINGS: &str = concat!(
    "SELECT ",
    tenant_columns!(),
    "
       FROM tenants
      WHERE organization_id = (SELECT organization_id FROM tenants WHERE id = $1)
        AND ($2 IS NULL OR name > $2)
      ORDER BY name
      LIMIT $3"
);

const ALL_IDS: &str = "SELECT id FROM tenants ORDER BY id";

#[async_trait]
impl Tenants for Store {
    async fn bootstrap(
        &self,
        organization: &Organization,
        tenant: &Tenant,
        admin: &ApiKey,
    ) -> Result<bool, StoreError> {
        self.call("bootstrap", "tenants", async {
            let mut unit = self.write_across().await?;
            sqlx::query(LOCK_INSTALLATION).execute(unit.conn()).await?;
            let any: Option<Uuid> = sqlx::query_scalar(ANY_TENANT).fetch_optional(unit.conn()).await?;
            if any.is_some() {
                return Ok(false);
            }
            sqlx::query(INSERT_ORGANIZATION)
                .bind(organization.id.0)
                .bind(&organization.name)
                .bind(organization.created_at)
                .execute(unit.conn())
                .await?;
            unit.enter(tenant.id).await?;
            unit.insert_tenant(tenant, admin).await?;
            unit.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn create(&self, tenant: &Tenant, admin: &ApiKey) -> Result<(), StoreError> {
        self.call("create", "tenants", async {
            let mut unit = self.write(tenant.id).await?;
            unit.insert_tenant(tenant, admin).await?;
            unit.commit().await
        })
        .await
    }

    async fn get(&self, tenant: TenantId) -> Result<Tenant, StoreError> {
        self.call("get", "tenants", async {
            let mut unit = self.read(tenant).await?;
            let row: TenantRow = sqlx::query_as(GET).bind(tenant.0).fetch_one(unit.conn()).await?;
            Ok(row.into())
        })
        .await
    }

    async fn siblings(&self, tenant: TenantId, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        self.call("siblings", "tenants", async {
            let after = cursor::after_name(&page)?;
            let mut unit = self.read_across().await?;
            let _exists: TenantRow = sqlx::query_as(GET).bind(tenant.0).fetch_one(unit.conn()).await?;
            let rows: Vec<TenantRow> = sqlx::query_as(SIBLINGS)
                .bind(tenant.0)
                .bind(after)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let tenants: Vec<Tenant> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(tenants, &page, |tenant| tenant.name.clone()))
        })
        .await
    }

    async fn isolate(&self, tenant: TenantId, isolation: Isolation) -> Result<(), StoreError> {
        let set = self.set_isolation(tenant, isolation);
        self.call("isolate", "tenants", set).await
    }

    async fn grants(&self, tenant: TenantId) -> Result<Vec<Grant>, StoreError> {
        self.call("grants", "tenant_grants", self.read_grants(tenant))
            .await
    }

    async fn grant(&self, tenant: TenantId, grant: &Grant) -> Result<(), StoreError> {
        let added = self.add_grant(tenant, grant);
        self.call("grant", "tenant_grants", added).await
    }

    async fn ungrant(&self, tenant: TenantId, grant: &Grant) -> Result<bool, StoreError> {
        let removed = self.remove_grant(tenant, grant);
        self.call("ungrant", "tenant_grants", removed).await
    }

    async fn count_modes(&self) -> Result<Vec<(Isolation, u64)>, StoreError> {
        self.call("count_modes", "tenants", self.read_modes()).await
    }

    async fn all_ids(&self) -> Result<Vec<TenantId>, StoreError> {
        self.call("all_ids", "tenants", async {
            let mut unit = self.read_across().await?;
            let ids: Vec<Uuid> = sqlx::query_scalar(ALL_IDS).fetch_all(unit.conn()).await?;
            Ok(ids.into_iter().map(TenantId).collect())
        })
        .await
    }
}

impl Unit {
    async fn insert_tenant(&mut self, tenant: &Tenant, admin: &ApiKey) -> Result<(), Fault> {
        same_tenant(tenant.id, admin.tenant_id)?;
        sqlx::query(INSERT)
            .bind(tenant.id.0)
            .bind(tenant.organization_id.0)
            .bind(&tenant.name)
            .bind(Word(tenant.isolation))
            .bind(tenant.created_at)
            .execute(self.conn())
            .await?;
        self.changed(tenant.id, EntityKind::Tenant, tenant.id.0);
        self.insert_key(admin).await
    }
}
