//! What agents say of a task. Whoever answers says which assignment it answers; an answer to one that is over is refused
//! with the reason, and the refusal stands in the history.

use chrono::{DateTime, Utc};
use serde_json::Value;
use thiserror::Error;

use super::moves::Moved;
use super::{Delegation, EventKind, Progress, Task, TaskError, TaskEvent, TaskState};
use crate::id::AgentId;

/// Late answers beyond these leave no event: a broken agent must not fill the history.
const MAX_LATE_EVENTS: u32 = 20;

/// Who answers which assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The agent.
    pub agent_id: AgentId,
    /// Its name.
    pub name: String,
    /// The number of the assignment.
    pub fence: u64,
}

/// Why an answer does not count. The text goes to the agent and into the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The task is with another agent by now, or with nobody.
    #[error("the task was taken from this agent: assignment {asked} is over, {current} is current")]
    Reassigned {
        /// The number that was said.
        asked: u64,
        /// The number that counts.
        current: u64,
    },
    /// The task has its end.
    #[error("the task is finished: it is {}", .0.as_str())]
    Finished(TaskState),
    /// The assignment is current, but this cannot be said of it now.
    #[error("the task is {}: {wanted}", .state.as_str())]
    OutOfTurn {
        /// Where the task stands.
        state: TaskState,
        /// What would have to come first.
        wanted: &'static str,
    },
}

impl Task {
    /// The agent takes it. Saying it again changes nothing.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn accept(&mut self, word: &Word, now: DateTime<Utc>) -> Moved {
        self.heard(word)?;
        if self.state != TaskState::Assigned {
            return Ok(Vec::new());
        }
        self.go(TaskState::Accepted, now);
        self.attempt += 1;
        self.accepted_at = Some(now);
        self.due_in(self.patience.silence_seconds, now);
        Ok(vec![self.said(word, EventKind::Accepted, None, now)])
    }

    /// The agent will not do it: another one is looked for, unless a person named just this one.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn reject(&mut self, word: &Word, why: Option<String>, now: DateTime<Utc>) -> Moved {
        self.heard(word)?;
        if self.state != TaskState::Assigned {
            return Err(self.out_of_turn("it can be refused only before it is accepted"));
        }
        self.go(TaskState::Rejected, now);
        let event = self.said(word, EventKind::Rejected, why, now);
        self.refused_by.push(word.agent_id);
        self.due_at = Some(self.deadline);
        if self.delegation != Delegation::Manual {
            self.go(TaskState::Pending, now);
            self.forget_assignee();
            self.due_at = Some(now);
        }
        Ok(vec![event])
    }

    /// The agent is at it, so far. A task that has cost more than it may by now is over with this.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn progress(&mut self, word: &Word, progress: Progress, now: DateTime<Utc>) -> Moved {
        self.heard(word)?;
        self.must_be_accepted()?;
        self.progress = Some(progress);
        self.updated_at = now;
        self.due_in(self.patience.silence_seconds, now);
        if self.is_over_budget() {
            let error = self.over_budget();
            return self.fail(word, error, false, now);
        }
        if self.state == TaskState::InProgress {
            return Ok(Vec::new());
        }
        self.go(TaskState::InProgress, now);
        Ok(vec![self.said(word, EventKind::Started, None, now)])
    }

    /// The agent has done it. Saying it again for the same assignment changes nothing.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn complete(&mut self, word: &Word, result: Value, now: DateTime<Utc>) -> Moved {
        if self.state == TaskState::Completed && self.is_current(word) {
            return Ok(Vec::new());
        }
        self.heard(word)?;
        self.must_be_accepted()?;
        self.finish(TaskState::Completed, now);
        (self.result, self.error) = (Some(result), None);
        Ok(vec![self.said(word, EventKind::Completed, None, now)])
    }

    /// The agent could not do it: it is tried again, if another try may help, and one and money are left.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn fail(&mut self, word: &Word, error: TaskError, again: bool, now: DateTime<Utc>) -> Moved {
        self.heard(word)?;
        self.must_be_accepted()?;
        let message = format!("{}: {}", error.kind, error.message);
        let event = |task: &mut Self| task.said(word, EventKind::Failed, Some(message), now);
        self.error = Some(error);
        if again && self.attempt < self.patience.max_attempts && !self.is_over_budget() {
            self.go(TaskState::Pending, now);
            let event = event(self);
            self.avoid_later(self.holder());
            self.forget_assignee();
            self.due_at = Some(self.deadline.min(now + self.backoff()));
            return Ok(vec![event]);
        }
        self.finish(TaskState::Failed, now);
        Ok(vec![event(self)])
    }

    fn over_budget(&self) -> TaskError {
        let (spent, budget) = (self.spent_usd, self.budget_usd.unwrap_or_default());
        TaskError {
            kind: "over_budget".to_owned(),
            message: format!("it has cost {spent:.4} USD and may cost {budget:.4} USD: it was stopped"),
        }
    }

    /// Notes that an answer came too late. None once enough of them are noted.
    pub fn note_late(&mut self, word: &Word, refusal: Refusal, now: DateTime<Utc>) -> Option<TaskEvent> {
        self.late_answers += 1;
        if self.late_answers > MAX_LATE_EVENTS {
            return None;
        }
        let mut event = self.said(word, EventKind::LateAnswer, Some(refusal.to_string()), now);
        event.fence = word.fence;
        Some(event)
    }

    /// Whether it is this agent's, and this assignment is the current one.
    #[must_use]
    pub fn is_current(&self, word: &Word) -> bool {
        self.holder() == Some(word.agent_id) && self.fence == word.fence
    }

    fn heard(&self, word: &Word) -> Result<(), Refusal> {
        if self.state.is_final() {
            return Err(Refusal::Finished(self.state));
        }
        if !self.state.is_held() || !self.is_current(word) {
            return Err(Refusal::Reassigned {
                asked: word.fence,
                current: self.fence,
            });
        }
        Ok(())
    }

    fn must_be_accepted(&self) -> Result<(), Refusal> {
        match self.state {
            TaskState::Assigned => Err(self.out_of_turn("accept it first")),
            _ => Ok(()),
        }
    }

    fn out_of_turn(&self, wanted: &'static str) -> Refusal {
        Refusal::OutOfTurn {
            state: self.state,
            wanted,
        }
    }

    fn said(
        &mut self,
        word: &Word,
        kind: EventKind,
        detail: Option<String>,
        now: DateTime<Utc>,
    ) -> TaskEvent {
        self.note_of(now, kind, Some(word.name.clone()), Some(word.agent_id), detail)
    }
}
