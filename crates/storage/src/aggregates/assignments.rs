//! Assignments.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::assignment::{Assignment, Recipient};
use domain::ports::storage::Assignments;
use domain::{AssignmentId, Job, Page, PageRequest, StoreError, TaskId, TenantId};

use super::store::{Store, same_tenant};
use crate::column::Word;
use crate::cursor;
use crate::rows::assignment::{AssignmentRow, assignment_columns};
use crate::rows::audit::storable;

const INSERT: &str = "
    INSERT INTO assignments (id, tenant_id, title, description, priority, assignee, user_id, agent_id, creator,
                             created_by, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const GET: &str = concat!(
    "SELECT ",
    assignment_columns!(),
    " FROM assignments WHERE tenant_id = $1 AND id = $2"
);

const LIST: &str = concat!(
    "SELECT ",
    assignment_columns!(),
    "
       FROM assignments
      WHERE tenant_id = $1
        AND ($2 IS NULL OR id < $2)
        AND ($3 IS NULL OR assignee = $3)
      ORDER BY id DESC
      LIMIT $4"
);

const TOLD: &str = concat!(
    "UPDATE assignments
        SET notified_at = COALESCE(notified_at, $3), task_id = COALESCE(task_id, $4)
      WHERE tenant_id = $1 AND id = $2
     RETURNING ",
    assignment_columns!()
);

const DONE: &str = concat!(
    "UPDATE assignments
        SET done_at = COALESCE(done_at, $3)
      WHERE tenant_id = $1 AND id = $2
     RETURNING ",
    assignment_columns!()
);

const REMOVE: &str = concat!(
    "DELETE FROM assignments WHERE tenant_id = $1 AND id = $2 RETURNING ",
    assignment_columns!()
);

#[async_trait]
impl Assignments for Store {
    async fn create(&self, tenant: TenantId, assignment: &Assignment, job: &Job) -> Result<(), StoreError> {
        self.call("create", "assignments", async {
            same_tenant(tenant, assignment.tenant_id)?;
            same_tenant(tenant, job.tenant_id)?;
            let (user, agent) = match assignment.recipient {
                Recipient::User(id) => (Some(id.0), None),
                Recipient::Agent(id) => (None, Some(id.0)),
            };
            let mut unit = self.write(tenant).await?;
            sqlx::query(INSERT)
                .bind(assignment.id.0)
                .bind(tenant.0)
                .bind(storable(&assignment.title))
                .bind(storable(&assignment.description))
                .bind(Word(assignment.priority))
                .bind(&assignment.assignee)
                .bind(user)
                .bind(agent)
                .bind(&assignment.creator)
                .bind(assignment.created_by.map(|id| id.0))
                .bind(assignment.created_at)
                .execute(unit.conn())
                .await?;
            unit.enqueue(job).await?;
            unit.commit().await
        })
        .await
    }

    async fn get(&self, tenant: TenantId, id: AssignmentId) -> Result<Assignment, StoreError> {
        self.call("get", "assignments", async {
            let mut unit = self.read(tenant).await?;
            let row: AssignmentRow = sqlx::query_as(GET)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_one(unit.conn())
                .await?;
            Ok(row.into())
        })
        .await
    }

    async fn list(
        &self,
        tenant: TenantId,
        assignee: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Assignment>, StoreError> {
        self.call("list", "assignments", async {
            let after = cursor::after_id(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<AssignmentRow> = sqlx::query_as(LIST)
                .bind(tenant.0)
                .bind(after)
                .bind(assignee.map(storable))
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let assignments: Vec<Assignment> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(assignments, &page, |assignment| assignment.id))
        })
        .await
    }

    async fn told(
        &self,
        tenant: TenantId,
        id: AssignmentId,
        task: Option<TaskId>,
        at: DateTime<Utc>,
    ) -> Result<Assignment, StoreError> {
        self.call("told", "assignments", async {
            let mut unit = self.write(tenant).await?;
            let row: AssignmentRow = sqlx::query_as(TOLD)
                .bind(tenant.0)
                .bind(id.0)
                .bind(at)
                .bind(task.map(|id| id.0))
                .fetch_one(unit.conn())
                .await?;
            unit.commit().await?;
            Ok(row.into())
        })
        .await
    }

    async fn done(
        &self,
        tenant: TenantId,
        id: AssignmentId,
        at: DateTime<Utc>,
    ) -> Result<Assignment, StoreError> {
        self.call("done", "assignments", async {
            let mut unit = self.write(tenant).await?;
            let row: AssignmentRow = sqlx::query_as(DONE)
                .bind(tenant.0)
                .bind(id.0)
                .bind(at)
                .fetch_one(unit.conn())
                .await?;
            unit.commit().await?;
            Ok(row.into())
        })
        .await
    }

    async fn remove(&self, tenant: TenantId, id: AssignmentId) -> Result<Assignment, StoreError> {
        self.call("remove", "assignments", async {
            let mut unit = self.write(tenant).await?;
            let row: AssignmentRow = sqlx::query_as(REMOVE)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_one(unit.conn())
                .await?;
            unit.commit().await?;
            Ok(row.into())
        })
        .await
    }
}
