//! Assignments: tasks that are given to somebody by name. Giving one stores the job that tells the assignee; the worker that
//! runs it comes back here.

use std::collections::BTreeMap;

use domain::assignment::{Assignment, NotificationPayload, Recipient};
use domain::task::{Delegation, Needs, Strategy};
use domain::{
    AssignmentId, Effect, JobKind, Page, PageRequest, Principal, Priority, Scope, StoreError, Task, TaskId,
    TenantId,
};
use serde_json::json;

use crate::error::{Check, fits};
use crate::jobs::NewJob;
use crate::tasks::NewTask;
use crate::{Control, ControlError, require};

/// What sort of task an agent gets, and the `task_type` label.
pub const TASK_TYPE: &str = "assignment";
/// The longest title, in characters.
pub const MAX_TITLE: usize = 500;
/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 16_384;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewAssignment {
    /// What is to be done, in a line.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// The name of a user or of an agent; a user goes first.
    pub assignee: String,
    /// How urgent it is.
    pub priority: Priority,
    /// W3C trace context of the caller.
    pub trace: BTreeMap<String, String>,
}

impl Control {
    /// Gives somebody a task.
    ///
    /// # Errors
    /// Without `tasks:write`; fields that are not as expected, among them the name of nobody.
    pub async fn give_assignment(
        &self,
        caller: &Principal,
        new: NewAssignment,
    ) -> Result<Assignment, ControlError> {
        require(caller, Scope::TasksWrite)?;
        let mut check = Check::default();
        let title = !new.title.is_empty() && fits(&new.title, MAX_TITLE);
        check.that(title, "title", format!("1 to {MAX_TITLE} characters"));
        let description = fits(&new.description, MAX_DESCRIPTION);
        check.that(
            description,
            "description",
            format!("at most {MAX_DESCRIPTION} characters"),
        );
        check.finish()?;
        let recipient = self.recipient(caller.tenant_id, &new.assignee).await?;
        let assignment = Assignment {
            id: AssignmentId::generate(),
            tenant_id: caller.tenant_id,
            title: new.title,
            description: new.description,
            priority: new.priority,
            assignee: new.assignee,
            recipient,
            task_id: None,
            creator: caller.name.clone(),
            created_by: Some(caller.key_id),
            created_at: self.now(),
            notified_at: None,
            done_at: None,
        };
        let payload = NotificationPayload {
            assignment_id: assignment.id,
            recipient_type: recipient.kind().to_owned(),
        };
        let job = self.new_job(NewJob {
            tenant_id: caller.tenant_id,
            kind: JobKind::Notification,
            payload: serde_json::to_value(payload).map_err(ControlError::internal)?,
            effect: Effect::Idempotent,
            priority: new.priority,
            idempotency_key: None,
            requested_by: Some(caller.key_id),
            trace: new.trace,
        });
        let assignments = &self.storage.assignments;
        assignments.create(caller.tenant_id, &assignment, &job).await?;
        Ok(assignment)
    }

    async fn recipient(&self, tenant: TenantId, name: &str) -> Result<Recipient, ControlError> {
        match self.storage.users.get(tenant, name).await {
            Ok(user) if user.disabled_at.is_none() => return Ok(Recipient::User(user.id)),
            Ok(_) => {
                let expected = "a user who is not disabled";
                return Err(ControlError::invalid("assignee", expected));
            }
            Err(StoreError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        match self.storage.agents.by_name(tenant, name).await {
            Ok(agent) => Ok(Recipient::Agent(agent.id)),
            Err(StoreError::NotFound) => Err(ControlError::invalid(
                "assignee",
                "the name of a user or of an agent",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The task that an agent gets for an assignment, and on whose behalf; none where the assignee is a user.
    ///
    /// # Errors
    /// When there is no such assignment.
    pub async fn task_of_assignment(
        &self,
        assignment: &Assignment,
        trace: BTreeMap<String, String>,
    ) -> Result<Option<(Principal, NewTask)>, ControlError> {
        let (Recipient::Agent(agent), Some(key)) = (assignment.recipient, assignment.created_by) else {
            return Ok(None);
        };
        // Whoever gave it was allowed to then; that their key is gone since does not take it back.
        let key = self.storage.keys.get(assignment.tenant_id, key).await?;
        let new = NewTask {
            kind: TASK_TYPE.to_owned(),
            title: assignment.title.clone(),
            input: json!({ "assignment_id": assignment.id, "description": assignment.description }),
            needs: Needs::default(),
            priority: assignment.priority,
            strategy: Strategy::Auto,
            delegation: Delegation::Manual,
            agent: Some(agent.to_string()),
            expected_tokens: 0,
            budget_usd: None,
            deadline_seconds: None,
            accept_seconds: None,
            silence_seconds: None,
            max_attempts: None,
            parent_id: None,
            tenant: None,
            idempotency_key: Some(format!("assignment:{}", assignment.id)),
            trace,
        };
        Ok(Some((key.principal(), new)))
    }

    /// One assignment, and where the agent's task stands.
    ///
    /// # Errors
    /// Without `tasks:read`; when there is no such assignment.
    pub async fn get_assignment(
        &self,
        caller: &Principal,
        id: AssignmentId,
    ) -> Result<(Assignment, Option<Task>), ControlError> {
        require(caller, Scope::TasksRead)?;
        let assignment = self.storage.assignments.get(caller.tenant_id, id).await?;
        let task = self.assigned_task(caller.tenant_id, assignment.task_id).await?;
        Ok((assignment, task))
    }

    /// The tenant's assignments, newest first.
    ///
    /// # Errors
    /// Without `tasks:read`.
    pub async fn list_assignments(
        &self,
        caller: &Principal,
        assignee: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(Assignment, Option<Task>)>, ControlError> {
        require(caller, Scope::TasksRead)?;
        let tenant = caller.tenant_id;
        let page = self.storage.assignments.list(tenant, assignee, page).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for assignment in page.items {
            let task = self.assigned_task(tenant, assignment.task_id).await?;
            items.push((assignment, task));
        }
        Ok(Page {
            items,
            next: page.next,
        })
    }

    /// A task may be gone by retention before its assignment is.
    async fn assigned_task(
        &self,
        tenant: TenantId,
        id: Option<TaskId>,
    ) -> Result<Option<Task>, ControlError> {
        let Some(id) = id else { return Ok(None) };
        match self.storage.tasks.get(tenant, id).await {
            Err(StoreError::NotFound) => Ok(None),
            found => Ok(Some(found?)),
        }
    }

    /// Says that what a user was given is done. Answers the assignment, and whether it was not before.
    ///
    /// # Errors
    /// Without `tasks:write`; when there is no such assignment; when it is an agent's, who says so of its task.
    pub async fn finish_assignment(
        &self,
        caller: &Principal,
        id: AssignmentId,
    ) -> Result<(Assignment, bool), ControlError> {
        require(caller, Scope::TasksWrite)?;
        let before = self.storage.assignments.get(caller.tenant_id, id).await?;
        if let Recipient::Agent(_) = before.recipient {
            let message = "an agent does it: it is done when its task is".to_owned();
            return Err(ControlError::Conflict {
                field: "assignee",
                message,
            });
        }
        let is_first = before.done_at.is_none();
        let done = self.storage.assignments.done(caller.tenant_id, id, self.now());
        Ok((done.await?, is_first))
    }

    /// Takes an assignment back. Answers what it was, with the task that an agent had for it.
    ///
    /// # Errors
    /// Without `tasks:write`; when there is no such assignment.
    pub async fn remove_assignment(
        &self,
        caller: &Principal,
        id: AssignmentId,
    ) -> Result<(Assignment, Option<Task>), ControlError> {
        require(caller, Scope::TasksWrite)?;
        let removed = self.storage.assignments.remove(caller.tenant_id, id).await?;
        let task = self.assigned_task(caller.tenant_id, removed.task_id).await?;
        Ok((removed, task))
    }
}
