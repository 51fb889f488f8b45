//! Read-back checks: kept with the tool, asked for when a write is in doubt, and heeded when they have found something,
//! each in the transaction of the move that causes it.

use chrono::{DateTime, Utc};
use domain::job::Resolution;
use domain::readback::{Readback, Verdict};
use domain::{Job, JobKind, JobState, StoreError, TenantId};

use super::dialect;
use super::unit::Unit;
use crate::column::Document;
use crate::fault::Fault;
use crate::rows::job::{JobRow, StoredJob};
use crate::transition;

const READBACK: &str = "
    SELECT readback
      FROM tools
     WHERE tenant_id = $1 AND name = $2";

const SET_READBACK: &str = "
    UPDATE tools
       SET readback = $3
     WHERE tenant_id = $1 AND name = $2";

impl Unit {
    /// The tool's check. Not found when there is no such tool.
    pub(super) async fn readback(&mut self, tenant: TenantId, tool: &str) -> Result<Option<Readback>, Fault> {
        let readback: Option<String> = sqlx::query_scalar(READBACK)
            .bind(tenant.0)
            .bind(tool)
            .fetch_one(self.conn())
            .await?;
        let readback = readback.as_deref().map(serde_json::from_str).transpose();
        readback.map_err(|error| StoreError::internal(error).into())
    }

    pub(super) async fn set_readback(
        &mut self,
        tenant: TenantId,
        tool: &str,
        readback: Option<&Readback>,
    ) -> Result<(), Fault> {
        let set = sqlx::query(SET_READBACK)
            .bind(tenant.0)
            .bind(tool)
            .bind(readback.map(Document))
            .execute(self.conn())
            .await?;
        match set.rows_affected() {
            0 => Err(StoreError::NotFound.into()),
            _ => Ok(()),
        }
    }

    /// What follows from where a job went.
    pub(super) async fn follow(&mut self, job: &Job, now: DateTime<Utc>) -> Result<(), Fault> {
        match (job.kind, job.state) {
            (JobKind::ToolCall, JobState::InDoubt) => self.ask_read_back(job, now).await,
            (JobKind::ReadBack, JobState::Done | JobState::Failed) => self.heed_read_back(job, now).await,
            _ => Ok(()),
        }
    }

    /// A tool that is gone, or a check that cannot be read any more, leaves the job to a person.
    async fn ask_read_back(&mut self, doubtful: &Job, now: DateTime<Utc>) -> Result<(), Fault> {
        let Some(tool) = doubtful.payload.get("tool").and_then(|tool| tool.as_str()) else {
            return Ok(());
        };
        let stored: Option<Option<String>> = sqlx::query_scalar(READBACK)
            .bind(doubtful.tenant_id.0)
            .bind(tool)
            .fetch_optional(self.conn())
            .await?;
        let Some(text) = stored.flatten() else {
            return Ok(());
        };
        let check = serde_json::from_str(&text).inspect_err(|error| {
            tracing::error!(%error, job_id = %doubtful.id, "the read-back check of job {} cannot be read", doubtful.id);
        });
        if let Some(job) = check.ok().and_then(|check| doubtful.read_back(check, now)) {
            self.enqueue(&job).await?;
        }
        Ok(())
    }

    /// Closes the write as the check found, or notes why it could not. A person may have been faster.
    async fn heed_read_back(&mut self, check: &Job, now: DateTime<Utc>) -> Result<(), Fault> {
        let Some((asked, verdict)) = check.read_back_found() else {
            return Ok(());
        };
        let row: Option<JobRow> = sqlx::query_as(dialect::LOCK_JOB)
            .bind(check.tenant_id.0)
            .bind(asked.job_id.0)
            .fetch_optional(self.conn())
            .await?;
        let doubtful = row.map(StoredJob::from);
        let Some(mut stored) = doubtful.filter(|it| it.job.is_in_doubt_since(asked.doubted_at_ms)) else {
            return Ok(());
        };
        let by = format!("the read-back check with `{}`", asked.check.tool);
        match verdict {
            Verdict::Done => transition::resolve(&mut stored.job, Resolution::Done, &by, now)?,
            Verdict::Failed => transition::resolve(&mut stored.job, Resolution::Failed, &by, now)?,
            Verdict::Undecided(reason) => {
                if let Some(error) = &mut stored.job.error {
                    error.message = format!("{}; {by} did not tell: {reason}", error.message);
                }
            }
        }
        self.move_job(&stored).await
    }
}
