//! How a task moves by what people and time do to it. What agents say of it is in `answers.rs`.

use chrono::{DateTime, Duration, Utc};

use super::{Assignee, Bill, EventKind, Refusal, Task, TaskError, TaskEvent, TaskState};
use crate::agent::Agent;
use crate::id::AgentId;

/// How long a task waits before somebody is looked for again, at most. A change that helps is heard of at once.
const MAX_WAIT_SECONDS: i64 = 30;

/// What is to be done about a task that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Somebody is to be found for it.
    Choose,
    /// It has moved: save it.
    Moved,
}

/// Why a task is taken from its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostReason {
    /// The agent did not answer.
    NotAccepted,
    /// The agent was not heard about it.
    Silent,
    /// The agent is gone.
    AgentLost,
    /// The agent has left by itself.
    AgentLeft,
    /// Another instance has taken the agent's place.
    AgentReplaced,
}

impl LostReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::NotAccepted,
        Self::Silent,
        Self::AgentLost,
        Self::AgentLeft,
        Self::AgentReplaced,
    ];

    /// The `reason` label of `mcp_tasks_released_total`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NotAccepted => "not_accepted",
            Self::Silent => "silent",
            Self::AgentLost => "agent_lost",
            Self::AgentLeft => "agent_left",
            Self::AgentReplaced => "agent_replaced",
        }
    }

    /// For the history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAccepted => "it was not accepted in time",
            Self::Silent => "nothing was heard about it for too long",
            Self::AgentLost => "the agent is lost",
            Self::AgentLeft => "the agent has left",
            Self::AgentReplaced => "the agent was started anew",
        }
    }
}

pub(super) type Moved = Result<Vec<TaskEvent>, Refusal>;

impl Task {
    /// The first line of its history.
    pub fn created(&mut self) -> TaskEvent {
        let (at, who) = (self.created_at, self.creator.clone());
        self.note(at, EventKind::Created, Some(who), None)
    }

    /// Gives it to an agent. Only a pending task can be given.
    pub fn assign(&mut self, agent: &Agent, now: DateTime<Utc>) -> TaskEvent {
        self.go(TaskState::Assigned, now);
        self.fence += 1;
        self.assignee = Some(Assignee {
            id: agent.id,
            name: agent.name.clone(),
            agent_type: agent.agent_type,
            owner: agent.owner.clone(),
        });
        (self.assigned_at, self.accepted_at) = (Some(now), None);
        (self.progress, self.waiting_for) = (None, None);
        self.due_in(self.patience.accept_seconds, now);
        self.note_of(
            now,
            EventKind::Assigned,
            Some(agent.name.clone()),
            Some(agent.id),
            None,
        )
    }

    /// Nobody can be given it now, for this reason; it is looked at again later. A reason that is known leaves no event.
    pub fn wait(&mut self, why: String, now: DateTime<Utc>) -> Option<TaskEvent> {
        let waited = (now - self.updated_at).num_seconds();
        self.due_at = Some(
            self.deadline
                .min(now + Duration::seconds(waited.clamp(1, MAX_WAIT_SECONDS))),
        );
        if self.waiting_for.as_ref() == Some(&why) {
            return None;
        }
        self.waiting_for = Some(why.clone());
        Some(self.note(now, EventKind::Waiting, None, Some(why)))
    }

    /// It is taken from its agent; with no try left it has failed. None when nobody holds it.
    pub fn release(&mut self, why: LostReason, now: DateTime<Utc>) -> Option<TaskEvent> {
        if !self.state.is_held() {
            return None;
        }
        let agent = self.holder();
        let name = self.assignee.as_ref().map(|holder| holder.name.clone());
        self.avoid_later(agent);
        let over = self.attempt >= self.patience.max_attempts;
        if over {
            self.finish(TaskState::Failed, now);
            let message = format!(
                "gave up after {} attempts; the last one: {}",
                self.attempt,
                why.as_str()
            );
            self.error = Some(TaskError {
                kind: "attempts_exhausted".to_owned(),
                message,
            });
        } else {
            self.go(TaskState::Pending, now);
        }
        let event = self.note_of(
            now,
            EventKind::Released,
            name,
            agent,
            Some(why.as_str().to_owned()),
        );
        if !over {
            self.forget_assignee();
            self.due_at = Some(now);
        }
        Some(event)
    }

    /// A person decides anew who is to do it: an agent that holds it loses it.
    ///
    /// # Errors
    /// When it is finished.
    pub fn delegate(
        &mut self,
        by: &str,
        how: super::Delegation,
        named: Option<(AgentId, &str)>,
        now: DateTime<Utc>,
    ) -> Moved {
        if self.state.is_final() {
            return Err(Refusal::Finished(self.state));
        }
        if self.state != TaskState::Pending {
            self.go(TaskState::Pending, now);
        }
        self.forget_assignee();
        self.refused_by.clear();
        self.avoid.clear();
        self.waiting_for = None;
        self.delegation = how;
        self.named = named.map(|(id, _)| id);
        self.due_at = Some(now);
        let detail = named.map(|(_, name)| format!("to {name}"));
        Ok(vec![self.note(
            now,
            EventKind::Delegated,
            Some(by.to_owned()),
            detail,
        )])
    }

    /// Calls it off.
    ///
    /// # Errors
    /// When it is finished.
    pub fn cancel(&mut self, by: &str, why: Option<String>, now: DateTime<Utc>) -> Moved {
        if self.state.is_final() {
            return Err(Refusal::Finished(self.state));
        }
        self.finish(TaskState::Cancelled, now);
        self.error = Some(TaskError {
            kind: "cancelled".to_owned(),
            message: why.clone().unwrap_or_else(|| format!("cancelled by {by}")),
        });
        Ok(vec![self.note(
            now,
            EventKind::Cancelled,
            Some(by.to_owned()),
            why,
        )])
    }

    /// What time makes of it.
    pub fn due(&mut self, now: DateTime<Utc>) -> (Due, Vec<TaskEvent>) {
        if self.state.is_final() || self.due_at.is_none_or(|at| at > now) {
            return (Due::Nothing, Vec::new());
        }
        if self.deadline <= now {
            self.finish(TaskState::Timeout, now);
            let message = "its deadline has passed".to_owned();
            self.error = Some(TaskError {
                kind: "deadline".to_owned(),
                message,
            });
            return (Due::Moved, vec![self.note(now, EventKind::TimedOut, None, None)]);
        }
        let why = match self.state {
            TaskState::Pending => return (Due::Choose, Vec::new()),
            TaskState::Assigned => LostReason::NotAccepted,
            _ => LostReason::Silent,
        };
        let events: Vec<_> = self.release(why, now).into_iter().collect();
        (
            if events.is_empty() {
                Due::Nothing
            } else {
                Due::Moved
            },
            events,
        )
    }

    /// The agent that has it.
    #[must_use]
    pub fn holder(&self) -> Option<AgentId> {
        self.assignee.as_ref().map(|holder| holder.id)
    }

    /// Seconds from the assignment's acceptance to now or the end.
    #[must_use]
    pub fn worked(&self, now: DateTime<Utc>) -> Option<f64> {
        let until = self.finished_at.unwrap_or(now);
        self.accepted_at.map(|from| seconds(until - from))
    }

    /// Seconds from creation to the end; none while it is open.
    #[must_use]
    pub fn took(&self) -> Option<f64> {
        self.finished_at.map(|end| seconds(end - self.created_at))
    }

    /// Moves. The table is checked where moves are made, in debug builds and tests; the moves above keep to it.
    pub(super) fn go(&mut self, state: TaskState, now: DateTime<Utc>) {
        debug_assert!(self.state.may_become(state), "{:?} to {state:?}", self.state);
        (self.state, self.updated_at) = (state, now);
    }

    pub(super) fn finish(&mut self, state: TaskState, now: DateTime<Utc>) {
        self.go(state, now);
        (self.due_at, self.waiting_for, self.finished_at) = (None, None, Some(now));
    }

    pub(super) fn avoid_later(&mut self, agent: Option<AgentId>) {
        self.avoid.extend(agent.filter(|id| !self.avoid.contains(id)));
    }

    pub(super) fn forget_assignee(&mut self) {
        self.assignee = None;
        (self.assigned_at, self.accepted_at, self.progress) = (None, None, None);
        self.billed = Bill::default();
    }

    pub(super) fn due_in(&mut self, seconds: u32, now: DateTime<Utc>) {
        self.due_at = Some(self.deadline.min(now + Duration::seconds(i64::from(seconds))));
    }

    /// 1 s, 2 s, 4 s … at most 5 minutes, ± 25 % by the task's own id, so that tasks which failed together do not come
    /// back together.
    pub(super) fn backoff(&self) -> Duration {
        let exponent = self.attempt.saturating_sub(1).min(9);
        let base = (1_000_i64 << exponent).min(300_000);
        let random = i64::from(self.id.0.as_bytes()[15]);
        Duration::milliseconds(base * 3 / 4 + base * random / 510)
    }

    fn note(
        &mut self,
        at: DateTime<Utc>,
        kind: EventKind,
        who: Option<String>,
        detail: Option<String>,
    ) -> TaskEvent {
        self.note_of(at, kind, who, None, detail)
    }

    pub(super) fn note_of(
        &mut self,
        at: DateTime<Utc>,
        kind: EventKind,
        who: Option<String>,
        agent_id: Option<AgentId>,
        detail: Option<String>,
    ) -> TaskEvent {
        self.events += 1;
        TaskEvent {
            number: self.events,
            at,
            kind,
            state: self.state,
            who,
            agent_id,
            fence: self.fence,
            worked: self.worked(at).filter(|_| kind.ends_work()),
            bill: Some(self.billed.clone()).filter(|bill| kind.ends_work() && !bill.is_empty()),
            detail,
        }
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.num_milliseconds().max(0) as f64 / 1_000.0
}
