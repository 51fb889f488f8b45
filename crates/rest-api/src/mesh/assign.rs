//! Assignments, with what follows from them.

use control::ControlError;
use control::assignments::{NewAssignment, TASK_TYPE};
use domain::assignment::{Assignment, Recipient};
use domain::{AssignmentId, Principal, StoreError, TenantId};

use super::Mesh;

/// How the one who does it was chosen: by whoever gave it.
const STRATEGY: &str = "manual";
/// Why an open task is called off.
const TAKEN_BACK: &str = "the assignment was taken back";

impl Mesh {
    /// See [`control::Control::give_assignment`].
    ///
    /// # Errors
    /// As there.
    pub async fn assign(&self, caller: &Principal, new: NewAssignment) -> Result<Assignment, ControlError> {
        let given = self.control.give_assignment(caller, new).await?;
        // What agents are given is counted when they are given it.
        if let Recipient::User(_) = given.recipient {
            let labels = [TASK_TYPE, given.priority.as_str(), STRATEGY];
            self.assignments.created.with(labels).increment(1);
        }
        tracing::info!(
            event = "assignment_created",
            assignment_id = %given.id,
            assignee = given.assignee,
            recipient_type = given.recipient.kind(),
            priority = given.priority.as_str(),
            "assignment {} was given to {}",
            given.id,
            given.assignee
        );
        Ok(given)
    }

    /// Tells the assignee, as a worker's job asks: an agent gets a task, and hears of it over its connection; a user finds
    /// it among theirs, and whoever reads the log sees it. Doing it again changes nothing. Answers whether there was
    /// somebody to tell: not when the assignment was taken back.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn tell_assignee(&self, tenant: TenantId, id: AssignmentId) -> Result<bool, ControlError> {
        let assignments = &self.control.storage.assignments;
        let assignment = match assignments.get(tenant, id).await {
            Err(StoreError::NotFound) => return Ok(false),
            found => found?,
        };
        if assignment.notified_at.is_some() {
            return Ok(true);
        }
        let trace = telemetry::propagation::current_context();
        let task = match self.control.task_of_assignment(&assignment, trace).await? {
            Some((giver, new)) => Some((self.create(&giver, new).await?.0.id, giver)),
            None => None,
        };
        let task_id = task.as_ref().map(|(id, _)| *id);
        let told = assignments
            .told(tenant, id, task_id, self.control.clock.now())
            .await;
        match (told, task) {
            (Ok(told), _) => {
                tracing::info!(
                    event = "assignment_notified",
                    assignment_id = %id,
                    assignee = told.assignee,
                    recipient_type = told.recipient.kind(),
                    task_id = task_id.map(|id| id.to_string()),
                    "{} was told of assignment {id}",
                    told.assignee
                );
                Ok(true)
            }
            // Taken back a moment ago: the agent does not do it either.
            (Err(StoreError::NotFound), task) => {
                if let Some((task, giver)) = task {
                    self.cancel(&giver, task, Some(TAKEN_BACK.to_owned())).await?;
                }
                Ok(false)
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// See [`control::Control::finish_assignment`].
    ///
    /// # Errors
    /// As there.
    pub async fn finish_assignment(
        &self,
        caller: &Principal,
        id: AssignmentId,
    ) -> Result<Assignment, ControlError> {
        let (done, is_first) = self.control.finish_assignment(caller, id).await?;
        if is_first {
            self.close_assignment(&done, "completed");
        }
        Ok(done)
    }

    /// See [`control::Control::remove_assignment`]. A task that an agent has for it is called off.
    ///
    /// # Errors
    /// As there.
    pub async fn remove_assignment(&self, caller: &Principal, id: AssignmentId) -> Result<(), ControlError> {
        let (removed, task) = self.control.remove_assignment(caller, id).await?;
        if let Some(task) = task.filter(|task| !task.state.is_final()) {
            match self.cancel(caller, task.id, Some(TAKEN_BACK.to_owned())).await {
                // It ended in the meantime.
                Ok(_) | Err(ControlError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if matches!(removed.recipient, Recipient::User(_)) && removed.done_at.is_none() {
            self.close_assignment(&removed, "cancelled");
        }
        Ok(())
    }

    fn close_assignment(&self, assignment: &Assignment, status: &'static str) {
        let priority = assignment.priority.as_str();
        let took = self.control.clock.now() - assignment.created_at;
        let seconds = took.num_milliseconds().max(0) as f64 / 1_000.0;
        let labels = [TASK_TYPE, priority, STRATEGY, status];
        self.assignments.completed.with(labels).increment(1);
        self.assignments
            .duration
            .with([TASK_TYPE, priority])
            .record(seconds);
        tracing::info!(
            event = "assignment_closed",
            assignment_id = %assignment.id,
            assignee = assignment.assignee,
            outcome = status,
            duration = seconds,
            duration_ms = (seconds * 1_000.0) as u64,
            "assignment {} {status}",
            assignment.id
        );
    }
}
