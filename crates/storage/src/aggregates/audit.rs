//! Audit records.

use std::borrow::Cow;

use async_trait::async_trait;
use domain::ports::storage::{Audit, AuditFilter};
use domain::{AuditRecord, Page, PageRequest, StoreError, TenantId};
use sqlx::QueryBuilder;
use sqlx::query_builder::Separated;

use super::store::Store;
use super::{BATCH, Db};
use crate::column::signed;
use crate::cursor;
use crate::rows::audit::{AuditRow, audit_columns};

const INSERT: &str = concat!("INSERT INTO audit_records (", audit_columns!(), ") ");

const DROP_WHAT_IS_THERE: &str = " ON CONFLICT (id) DO NOTHING";

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
            for batch in records.chunks(BATCH) {
                let mut insert = QueryBuilder::<Db>::new(INSERT);
                insert.push_values(batch, push_record);
                insert.push(DROP_WHAT_IS_THERE);
                let done = insert.build().persistent(false).execute(unit.conn()).await?;
                new += done.rows_affected();
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

fn push_record(mut row: Separated<'_, Db, &'static str>, record: &AuditRecord) {
    row.push_bind(record.id.0)
        .push_bind(record.tenant_id.0)
        .push_bind(record.at)
        .push_bind(record.key_id.map(|id| id.0))
        .push_bind(storable(&record.service).into_owned())
        .push_bind(storable(&record.action).into_owned())
        .push_bind(owned(record.tool.as_deref()))
        .push_bind(owned(record.provider.as_deref()))
        .push_bind(storable(&record.outcome).into_owned())
        .push_bind(i64::from(record.status))
        .push_bind(signed(record.duration_ms))
        .push_bind(signed(record.request_bytes))
        .push_bind(signed(record.response_bytes))
        .push_bind(owned(record.arguments_sha256.as_deref()))
        .push_bind(owned(record.trace_id.as_deref()))
        .push_bind(owned(record.request_id.as_deref()))
        .push_bind(record.job_id.map(|id| id.0));
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(|text| storable(text).into_owned())
}

/// Refused calls are recorded with whatever name the caller made up, and Postgres keeps no U+0000 in text: one such
/// record must not hold up its whole batch.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}
