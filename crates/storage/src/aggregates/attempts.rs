//! Attempts: the lease of a job. Number and owner fence: a worker that lost its lease changes nothing.

use chrono::{DateTime, Utc};
use domain::ports::storage::Claim;
use domain::{JobId, StoreError, TenantId};

use super::unit::Unit;
use crate::fault::Fault;
use crate::rows::job::{JobRow, job_columns};

/// Two workers with the same message: the second finds the job running, and gets no row.
const CLAIM: &str = concat!(
    "UPDATE jobs
        SET state = 'running', attempt = attempt + 1, lease_owner = $4, lease_until = $6,
            effect_begun = FALSE, ended_by = NULL, updated_at = $5
      WHERE tenant_id = $1 AND id = $2
        AND state = 'pending' AND attempt + 1 = $3 AND run_at <= $5
     RETURNING ",
    job_columns!()
);

const RENEW: &str = "
    UPDATE jobs
       SET lease_until = $5
     WHERE tenant_id = $1 AND id = $2
       AND state = 'running' AND attempt = $3 AND lease_owner = $4";

const BEGIN_EFFECT: &str = "
    UPDATE jobs
       SET effect_begun = TRUE
     WHERE tenant_id = $1 AND id = $2
       AND state = 'running' AND attempt = $3 AND lease_owner = $4";

impl Unit {
    pub(super) async fn claim(
        &mut self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Claim, Fault> {
        let claimed: Option<JobRow> = sqlx::query_as(CLAIM)
            .bind(tenant.0)
            .bind(id.0)
            .bind(i64::from(attempt))
            .bind(owner)
            .bind(now)
            .bind(until)
            .fetch_optional(self.conn())
            .await?;
        let Some(job) = claimed else {
            return Ok(Claim::Superseded);
        };
        // The message has arrived, whether or not the broker's confirmation has.
        self.unpost(id).await?;
        Ok(Claim::Granted(Box::new(job.into())))
    }

    pub(super) async fn renew(
        &mut self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<(), Fault> {
        let renewed = sqlx::query(RENEW)
            .bind(tenant.0)
            .bind(id.0)
            .bind(i64::from(attempt))
            .bind(owner)
            .bind(until)
            .execute(self.conn())
            .await?;
        self.held(tenant, id, renewed.rows_affected()).await
    }

    pub(super) async fn begin_effect(
        &mut self,
        tenant: TenantId,
        id: JobId,
        attempt: u32,
        owner: &str,
    ) -> Result<(), Fault> {
        let begun = sqlx::query(BEGIN_EFFECT)
            .bind(tenant.0)
            .bind(id.0)
            .bind(i64::from(attempt))
            .bind(owner)
            .execute(self.conn())
            .await?;
        self.held(tenant, id, begun.rows_affected()).await
    }

    /// No row changed: the lease is lost, or there is no such job.
    async fn held(&mut self, tenant: TenantId, id: JobId, rows: u64) -> Result<(), Fault> {
        if rows == 1 {
            return Ok(());
        }
        self.job(tenant, id).await?;
        Err(StoreError::Stale.into())
    }
}
