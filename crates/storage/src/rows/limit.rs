//! A row of `rate_limits`.

use chrono::{DateTime, Utc};
use domain::limit::{Rate, Subject};
use domain::{Limit, LimitId, RateLimit, TenantId};
use uuid::Uuid;

use crate::column::Word;

macro_rules! limit_columns {
    () => {
        "id, tenant_id, subject, rate, burst, updated_at"
    };
}
pub(crate) use limit_columns;

/// A row of `rate_limits`.
#[derive(sqlx::FromRow)]
pub struct LimitRow {
    id: Uuid,
    tenant_id: Uuid,
    subject: Word<Subject>,
    rate: Word<Rate>,
    burst: i64,
    updated_at: DateTime<Utc>,
}

impl From<LimitRow> for RateLimit {
    fn from(row: LimitRow) -> Self {
        Self {
            id: LimitId(row.id),
            tenant_id: TenantId(row.tenant_id),
            subject: row.subject.0,
            limit: Limit {
                rate: row.rate.0,
                burst: u32::try_from(row.burst).unwrap_or(u32::MAX),
            },
            updated_at: row.updated_at,
        }
    }
}
