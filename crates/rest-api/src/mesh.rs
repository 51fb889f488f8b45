//! Agents and tasks, for every door alike: one verb of [`control`] each, then what follows from it: what is counted, the
//! closing line, and tasks that wait for the place that has become free (`afterwards.rs`).

mod afterwards;
mod assign;
mod messages;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use afterwards::Afterwards;
use control::agents::{AgentChange, NewAgent, Wanted};
use control::tasks::{Answer, Explained, NewDelegation, NewTask, Said};
use control::{Control, ControlError};
use domain::agent::Heartbeat;
use domain::ports::storage::TaskChange;
use domain::{Agent, AgentId, Principal, Task, TaskId, TenantId};
use telemetry::Telemetry;
use tracing::Instrument;

use crate::metrics::{
    AgentMetrics, AssignmentMetrics, BorderMetrics, CostMetrics, MessageMetrics, TaskMetrics,
};

/// How many that moved are looked at in one round of the sweeper.
const BATCH: u32 = 500;

/// Agents and tasks.
#[derive(Clone)]
pub struct Mesh {
    /// The verbs.
    pub control: Control,
    agents: AgentMetrics,
    assignments: AssignmentMetrics,
    tasks: TaskMetrics,
    costs: CostMetrics,
    messages: MessageMetrics,
    borders: BorderMetrics,
    afterwards: Arc<Afterwards>,
}

impl Mesh {
    /// Counts into this telemetry.
    #[must_use]
    pub fn new(control: Control, telemetry: &Telemetry) -> Self {
        let agents = AgentMetrics::new(telemetry);
        agents.begin();
        let mesh = Self {
            control,
            agents,
            assignments: AssignmentMetrics::new(telemetry),
            tasks: TaskMetrics::new(telemetry),
            costs: CostMetrics::new(telemetry),
            messages: MessageMetrics::new(telemetry),
            borders: BorderMetrics::new(telemetry),
            afterwards: Arc::default(),
        };
        mesh.begin_borders();
        mesh
    }

    /// See [`Control::register_agent`].
    ///
    /// # Errors
    /// As there.
    pub async fn register(&self, caller: &Principal, new: NewAgent) -> Result<Agent, ControlError> {
        let change = self.control.register_agent(caller, new).await?;
        self.tell_agent(&change);
        self.afterwards.fill(caller.tenant_id, change.lost.len());
        Ok(change.agent)
    }

    /// See [`Control::hear_agent`].
    ///
    /// # Errors
    /// As there.
    pub async fn hear(
        &self,
        caller: &Principal,
        id: AgentId,
        epoch: u64,
        said: Heartbeat,
    ) -> Result<Agent, ControlError> {
        let (agent, takes) = self.control.hear_agent(caller, id, epoch, said).await?;
        if takes {
            self.afterwards.fill(agent.tenant_id, agent.capacity as usize);
        }
        Ok(agent)
    }

    /// See [`Control::leave`].
    ///
    /// # Errors
    /// As there.
    pub async fn leave(&self, caller: &Principal, id: AgentId, epoch: u64) -> Result<Agent, ControlError> {
        let change = self.control.leave(caller, id, epoch).await?;
        Ok(self.gone(change))
    }

    /// See [`Control::remove_agent`].
    ///
    /// # Errors
    /// As there.
    pub async fn remove(&self, caller: &Principal, id: AgentId) -> Result<Agent, ControlError> {
        let change = self.control.remove_agent(caller, id).await?;
        Ok(self.gone(change))
    }

    fn gone(&self, change: AgentChange) -> Agent {
        self.tell_agent(&change);
        self.afterwards.fill(change.agent.tenant_id, change.lost.len());
        change.agent
    }

    /// See [`Control::create_task`].
    ///
    /// # Errors
    /// As there.
    pub async fn create(&self, caller: &Principal, new: NewTask) -> Result<(Task, bool), ControlError> {
        let span = tell::span("CreateTask");
        let created = self
            .control
            .create_task(caller, new)
            .instrument(span.clone())
            .await;
        let (change, was_there) = created.inspect_err(|error| self.at_the_border(error))?;
        tell::fill_in(&span, &change.task);
        tell::foreseen(&span, &change);
        if !was_there {
            span.in_scope(|| self.tell(&change));
        }
        Ok((change.task, was_there))
    }

    /// See [`Control::get_task`].
    ///
    /// # Errors
    /// As there.
    pub async fn task(
        &self,
        caller: &Principal,
        of: Option<TenantId>,
        id: TaskId,
        wait: Duration,
    ) -> Result<Explained, ControlError> {
        let got = self.control.get_task(caller, of, id, wait).await;
        got.inspect_err(|error| self.at_the_border(error))
    }

    /// See [`Control::answer_task`].
    ///
    /// # Errors
    /// As there.
    pub async fn answer(
        &self,
        caller: &Principal,
        id: TaskId,
        assignment: (AgentId, u64),
        said: impl Into<Said>,
    ) -> Result<Task, ControlError> {
        let said = said.into();
        let span = tell::span(match said.answer {
            Answer::Accept => "AcceptTask",
            Answer::Reject(_) => "RejectTask",
            Answer::Progress(_) => "ProgressTask",
            Answer::Complete(_) => "CompleteTask",
            Answer::Fail(..) => "FailTask",
        });
        let answered = self.control.answer_task(caller, id, assignment, said);
        let change = answered.instrument(span.clone()).await?;
        tell::fill_in(&span, &change.task);
        span.in_scope(|| self.tell(&change));
        if !change.events.is_empty() && !change.task.state.is_held() {
            self.afterwards.fill(caller.tenant_id, 1);
        }
        Ok(change.task)
    }

    /// See [`Control::cancel_task`].
    ///
    /// # Errors
    /// As there.
    pub async fn cancel(
        &self,
        caller: &Principal,
        id: TaskId,
        why: Option<String>,
    ) -> Result<Vec<Task>, ControlError> {
        let cancelled = self.control.cancel_task(caller, id, why).await?;
        self.tell_all(&cancelled);
        self.afterwards.fill(caller.tenant_id, cancelled.len());
        Ok(cancelled.into_iter().map(|change| change.task).collect())
    }

    /// See [`Control::delegate_task`].
    ///
    /// # Errors
    /// As there.
    pub async fn delegate(
        &self,
        caller: &Principal,
        id: TaskId,
        new: NewDelegation,
    ) -> Result<Task, ControlError> {
        let moves = self.control.delegate_task(caller, id, new).await?;
        self.tell_all(&moves);
        let last = moves.into_iter().last().map(|change| change.task);
        last.ok_or_else(|| ControlError::internal("a delegation without a task"))
    }

    /// One round of the sweeper: agents that are silent, tasks that are due. Answers whether there may be more.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn sweep(&self) -> Result<bool, ControlError> {
        let missed = self.control.miss_agents(BATCH).await?;
        for change in &missed {
            self.tell_agent(change);
        }
        let moved = self.control.move_due_tasks(BATCH).await?;
        self.tell_all(&moved);
        let expired = self.expire_messages(BATCH).await?;
        Ok(missed.len().max(moved.len()).max(expired) >= BATCH as usize)
    }

    /// See [`Control::discover_agents`].
    ///
    /// # Errors
    /// As there.
    pub async fn discover(&self, caller: &Principal, wanted: &Wanted) -> Result<Vec<Agent>, ControlError> {
        let found = self.control.discover_agents(caller, wanted).await;
        let found = found.inspect_err(|error| self.at_the_border(error))?;
        let asked = wanted
            .capability
            .as_ref()
            .map_or("any", |wanted| wanted.name.as_str());
        self.agents.discovery.with([asked]).increment(1);
        Ok(found)
    }

    fn tell_agent(&self, change: &AgentChange) {
        tell::agent(&self.agents, change);
        self.tell_all(&change.lost);
    }

    fn tell(&self, change: &TaskChange) {
        tell::task(&self.agents, &self.assignments, change);
        tell::released(&self.tasks, change);
        tell::costs(&self.costs, change);
        self.afterwards.learn(change);
    }

    fn tell_all(&self, changes: &[TaskChange]) {
        for change in changes {
            self.tell(change);
        }
    }

    /// The gauges of agents and of tasks that wait, which only the database knows.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn read_gauges(&self, shown: &mut Shown) -> Result<(), ControlError> {
        let agents = self.control.storage.agents.all_present().await?;
        let manifests = self.control.storage.agents.count_manifests().await?;
        shown.show(&self.agents, &agents, &manifests);
        let waiting = self.control.storage.tasks.waiting().await?;
        shown.show_waiting(&self.tasks, &waiting, self.control.clock.now());
        self.show_modes().await?;
        Ok(())
    }
}

pub use tell::Shown;
