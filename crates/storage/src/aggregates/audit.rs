//! Audit records.

use async_trait::async_trait;
use domain::ports::storage::{Audit, AuditFilter};
use domain::{AuditRecord, Page, PageRequest, StoreError, TenantId};

use super::store::Store;
use super::{BATCH, bulk};
use crate::cursor;
use crate::rows::audit::{AuditRow, audit_columns, storable};

const LIST: &str = concat!(
    "SELECT ",
    audit_columns!(),
    "
       FROM audit_records
      WHERE tenant_id = $1
        AND ($2 IS NULL OR id < $2)
        AND ($3 IS NULL OR tool = $3)
        AND ($4 IS NULL OR key_id = $4)
        AND ($5 IS NULL OR outcome = $5)
        AND ($6 IS NULL OR trace_id = $6)
        AND ($7 IS NULL OR ended_at >= $7)
      ORDER BY id DESC
      LIMIT $8"
);

#[async_trait]
impl Audit for Store {
    async fn append(&self, records: &[AuditRecord]) -> Result<u64, StoreError> {
        self.call("append", "audit_records", async {
            let mut new = 0;
            let mut unit = self.write_across().await?;
            let rows: Vec<AuditRow> = records.iter().map(AuditRow::from).collect();
            for batch in rows.chunks(BATCH) {
                new += bulk::append(unit.conn(), batch).await?;
            }
            unit.commit().await?;
            Ok(new)
        })
        .await
    }

    async fn list(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        self.call("list", "audit_records", async {
            let after = cursor::after_id(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<AuditRow> = sqlx::query_as(LIST)
                .bind(tenant.0)
                .bind(after)
                .bind(filter.tool.as_deref().map(storable))
                .bind(filter.key_id.map(|id| id.0))
                .bind(filter.outcome.as_deref().map(storable))
                .bind(filter.trace_id.as_deref().map(storable))
                .bind(filter.since)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let records: Vec<AuditRecord> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(records, &page, |record| record.id))
        })
        .await
    }
}
