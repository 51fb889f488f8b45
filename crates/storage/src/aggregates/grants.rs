//! How far tenants are open to each other.

use chrono::{DateTime, Utc};
use domain::{Grant, Isolation, StoreError, TenantId, Verb};
use uuid::Uuid;

use super::store::{Store, same_tenant};
use crate::column::{Word, unsigned};
use crate::fault::Fault;

const ISOLATE: &str = "UPDATE tenants SET isolation = $2 WHERE id = $1";

const GRANTS: &str = "
    SELECT to_tenant, verb, granted_at
      FROM tenant_grants
     WHERE tenant_id = $1
     ORDER BY to_tenant, verb";

const GRANT: &str = "
    INSERT INTO tenant_grants (tenant_id, to_tenant, verb, granted_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, to_tenant, verb) DO NOTHING";

const UNGRANT: &str = "DELETE FROM tenant_grants WHERE tenant_id = $1 AND to_tenant = $2 AND verb = $3";

const MODES: &str = "SELECT isolation, COUNT(*) FROM tenants GROUP BY isolation";

impl Store {
    pub(super) async fn set_isolation(&self, tenant: TenantId, isolation: Isolation) -> Result<(), Fault> {
        let mut unit = self.write(tenant).await?;
        let set = sqlx::query(ISOLATE)
            .bind(tenant.0)
            .bind(Word(isolation))
            .execute(unit.conn())
            .await?;
        if set.rows_affected() == 0 {
            return Err(StoreError::NotFound.into());
        }
        unit.changed(tenant, domain::EntityKind::Tenant, tenant.0);
        unit.commit().await
    }

    pub(super) async fn read_grants(&self, tenant_id: TenantId) -> Result<Vec<Grant>, Fault> {
        let mut unit = self.read(tenant_id).await?;
        let rows: Vec<(Uuid, Word<Verb>, DateTime<Utc>)> = sqlx::query_as(GRANTS)
            .bind(tenant_id.0)
            .fetch_all(unit.conn())
            .await?;
        let grant = |(to, verb, granted_at): (Uuid, Word<Verb>, DateTime<Utc>)| Grant {
            tenant_id,
            to: TenantId(to),
            verb: verb.0,
            granted_at,
        };
        Ok(rows.into_iter().map(grant).collect())
    }

    pub(super) async fn add_grant(&self, tenant: TenantId, grant: &Grant) -> Result<(), Fault> {
        same_tenant(tenant, grant.tenant_id)?;
        let mut unit = self.write(tenant).await?;
        sqlx::query(GRANT)
            .bind(tenant.0)
            .bind(grant.to.0)
            .bind(Word(grant.verb))
            .bind(grant.granted_at)
            .execute(unit.conn())
            .await?;
        unit.commit().await
    }

    pub(super) async fn remove_grant(&self, tenant: TenantId, grant: &Grant) -> Result<bool, Fault> {
        let mut unit = self.write(tenant).await?;
        let gone = sqlx::query(UNGRANT)
            .bind(tenant.0)
            .bind(grant.to.0)
            .bind(Word(grant.verb))
            .execute(unit.conn())
            .await?;
        unit.commit().await?;
        Ok(gone.rows_affected() > 0)
    }

    pub(super) async fn read_modes(&self) -> Result<Vec<(Isolation, u64)>, Fault> {
        let mut unit = self.read_across().await?;
        let rows: Vec<(Word<Isolation>, i64)> = sqlx::query_as(MODES).fetch_all(unit.conn()).await?;
        let count = |(mode, count): (Word<Isolation>, i64)| (mode.0, unsigned(count));
        Ok(rows.into_iter().map(count).collect())
    }
}
