//! Rate limits.

use async_trait::async_trait;
use domain::limit::Subject;
use domain::ports::storage::Limits;
use domain::{EntityKind, Page, PageRequest, RateLimit, StoreError, TenantId};
use uuid::Uuid;

use super::store::{Store, same_tenant};
use crate::column::Word;
use crate::cursor;
use crate::rows::limit::{LimitRow, limit_columns};

const SET: &str = concat!(
    "INSERT INTO rate_limits (",
    limit_columns!(),
    ")
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (tenant_id, subject)
     DO UPDATE SET rate = excluded.rate, burst = excluded.burst, updated_at = excluded.updated_at
     RETURNING ",
    limit_columns!()
);

const LIST: &str = concat!(
    "SELECT ",
    limit_columns!(),
    "
       FROM rate_limits
      WHERE tenant_id = $1
        AND ($2 IS NULL OR subject > $2)
      ORDER BY subject
      LIMIT $3"
);

const GET: &str = concat!(
    "SELECT ",
    limit_columns!(),
    "
       FROM rate_limits
      WHERE tenant_id = $1 AND subject = $2"
);

const REMOVE: &str = "
    DELETE FROM rate_limits
     WHERE tenant_id = $1 AND subject = $2
    RETURNING id";

#[async_trait]
impl Limits for Store {
    async fn set(&self, tenant: TenantId, limit: &RateLimit) -> Result<RateLimit, StoreError> {
        self.call("set", "rate_limits", async {
            same_tenant(tenant, limit.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            let row: LimitRow = sqlx::query_as(SET)
                .bind(limit.id.0)
                .bind(tenant.0)
                .bind(Word(&limit.subject))
                .bind(Word(limit.limit.rate))
                .bind(i64::from(limit.limit.burst))
                .bind(limit.updated_at)
                .fetch_one(unit.conn())
                .await?;
            let stored = RateLimit::from(row);
            unit.changed(tenant, EntityKind::Limit, stored.id.0);
            unit.commit().await?;
            Ok(stored)
        })
        .await
    }

    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<RateLimit>, StoreError> {
        self.call("list", "rate_limits", async {
            let after = cursor::after_name(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<LimitRow> = sqlx::query_as(LIST)
                .bind(tenant.0)
                .bind(after)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let limits: Vec<RateLimit> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(limits, &page, |limit| limit.subject.to_string()))
        })
        .await
    }

    async fn get(&self, tenant: TenantId, subject: &Subject) -> Result<RateLimit, StoreError> {
        self.call("get", "rate_limits", async {
            let mut unit = self.read(tenant).await?;
            let row: LimitRow = sqlx::query_as(GET)
                .bind(tenant.0)
                .bind(Word(subject))
                .fetch_one(unit.conn())
                .await?;
            Ok(row.into())
        })
        .await
    }

    async fn remove(&self, tenant: TenantId, subject: &Subject) -> Result<(), StoreError> {
        self.call("remove", "rate_limits", async {
            let mut unit = self.write(tenant).await?;
            let id: Uuid = sqlx::query_scalar(REMOVE)
                .bind(tenant.0)
                .bind(Word(subject))
                .fetch_one(unit.conn())
                .await?;
            unit.changed(tenant, EntityKind::Limit, id);
            unit.commit().await
        })
        .await
    }
}
