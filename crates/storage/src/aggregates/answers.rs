//! Answers kept for `Idempotency-Key`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ports::storage::{Expired, Idempotency, StoredAnswer};
use domain::{StoreError, TenantId};

use super::store::Store;

const FREE_EXPIRED: &str = "
    DELETE FROM answers
     WHERE tenant_id = $1 AND idempotency_key = $2 AND (created_at < $3 OR created_at < $4 AND status IS NULL)";

const TAKE: &str = "
    INSERT INTO answers (tenant_id, idempotency_key, fingerprint, status, body, created_at)
    VALUES ($1, $2, $3, NULL, $4, $5)
    ON CONFLICT (tenant_id, idempotency_key) DO NOTHING";

const GET: &str = "
    SELECT fingerprint, status, body
      FROM answers
     WHERE tenant_id = $1 AND idempotency_key = $2";

const FINISH: &str = "
    UPDATE answers
       SET status = $3, body = $4
     WHERE tenant_id = $1 AND idempotency_key = $2";

const ABANDON: &str = "
    DELETE FROM answers
     WHERE tenant_id = $1 AND idempotency_key = $2 AND status IS NULL";

#[async_trait]
impl Idempotency for Store {
    async fn begin(
        &self,
        tenant: TenantId,
        key: &str,
        fingerprint: &str,
        now: DateTime<Utc>,
        expired: Expired,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        self.call("begin", "answers", async {
            let mut unit = self.write(tenant).await?;
            sqlx::query(FREE_EXPIRED)
                .bind(tenant.0)
                .bind(key)
                .bind(expired.answers)
                .bind(expired.calls)
                .execute(unit.conn())
                .await?;
            loop {
                let taken = sqlx::query(TAKE)
                    .bind(tenant.0)
                    .bind(key)
                    .bind(fingerprint)
                    .bind(Vec::<u8>::new())
                    .bind(now)
                    .execute(unit.conn())
                    .await?;
                if taken.rows_affected() == 1 {
                    unit.commit().await?;
                    return Ok(None);
                }
                let row: Option<(String, Option<i64>, Vec<u8>)> = sqlx::query_as(GET)
                    .bind(tenant.0)
                    .bind(key)
                    .fetch_optional(unit.conn())
                    .await?;
                // None: whoever had it gave it back in between.
                if let Some((fingerprint, status, body)) = row {
                    unit.commit().await?;
                    let status = status.and_then(|status| u16::try_from(status).ok());
                    return Ok(Some(StoredAnswer {
                        fingerprint,
                        status,
                        body,
                    }));
                }
            }
        })
        .await
    }

    async fn finish(&self, tenant: TenantId, key: &str, status: u16, body: &[u8]) -> Result<(), StoreError> {
        self.call("finish", "answers", async {
            let mut unit = self.write(tenant).await?;
            let done = sqlx::query(FINISH)
                .bind(tenant.0)
                .bind(key)
                .bind(i64::from(status))
                .bind(body)
                .execute(unit.conn())
                .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound.into());
            }
            unit.commit().await
        })
        .await
    }

    async fn abandon(&self, tenant: TenantId, key: &str) -> Result<(), StoreError> {
        self.call("abandon", "answers", async {
            let mut unit = self.write(tenant).await?;
            sqlx::query(ABANDON)
                .bind(tenant.0)
                .bind(key)
                .execute(unit.conn())
                .await?;
            unit.commit().await
        })
        .await
    }
}
