//! What must be true after every verb.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::agent::AgentState;
use domain::ports::Storage;
use domain::ports::storage::{AgentFilter, TaskFilter};
use domain::task::{EventKind, TaskEvent, TaskState};
use domain::{Agent, AgentId, PageRequest, Task, TaskId, TenantId};
use serde_json::Value;

/// What was seen so far, which nothing later may contradict.
pub struct Truths {
    tenant: TenantId,
    by_key: BTreeMap<String, TaskId>,
    seen: HashMap<TaskId, Task>,
    results: HashMap<TaskId, Value>,
}

/// More events than a run has.
const MANY: u32 = 100_000;

fn all() -> PageRequest {
    PageRequest::first(PageRequest::MAX)
}

/// What is not so is told.
pub fn must(fits: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if fits { Ok(()) } else { Err(why()) }
}

impl Truths {
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            by_key: BTreeMap::new(),
            seen: HashMap::new(),
            results: HashMap::new(),
        }
    }

    /// One key is one task, however often it is asked for.
    pub fn acknowledged(&mut self, key: &str, id: TaskId) -> Result<(), String> {
        let first = *self.by_key.entry(key.to_owned()).or_insert(id);
        must(first == id, || format!("{key} is two tasks: {first} and {id}"))
    }

    /// An agent heard that its result is the task's.
    pub fn completed(&mut self, task: &Task, own: &Value) -> Result<(), String> {
        must(task.result.as_ref() == Some(own), || {
            format!("{own} was taken for {}, which has {:?}", task.id, task.result)
        })?;
        let first = self.results.entry(task.id).or_insert_with(|| own.clone());
        must(first == own, || {
            format!("{} has two results: {first} and {own}", task.id)
        })
    }

    async fn tasks(&self, storage: &Storage) -> Vec<Task> {
        let page = storage
            .tasks
            .list(self.tenant, &TaskFilter::default(), all())
            .await;
        page.unwrap().items
    }

    pub async fn open(&self, storage: &Storage) -> usize {
        let tasks = self.tasks(storage).await;
        tasks.iter().filter(|task| !task.state.is_final()).count()
    }

    /// The whole state.
    pub async fn check(&mut self, storage: &Storage) -> Result<(), String> {
        let agents = storage
            .agents
            .list(self.tenant, &AgentFilter::default(), all())
            .await;
        let agents: HashMap<AgentId, Agent> = agents
            .unwrap()
            .items
            .into_iter()
            .map(|agent| (agent.id, agent))
            .collect();
        let tasks = self.tasks(storage).await;
        must(tasks.len() >= self.seen.len(), || "a task is gone".to_owned())?;
        places(&tasks, &agents)?;
        for task in tasks {
            let before = self.seen.get(&task.id);
            if before.is_some_and(|before| before.version == task.version) {
                continue;
            }
            one(&task, before)?;
            let events = storage.tasks.history(self.tenant, task.id).await.unwrap();
            history(&task, &events)?;
            self.seen.insert(task.id, task);
        }
        Ok(())
    }

    /// When all is over: what was acknowledged is there, and has its end.
    pub async fn at_the_end(&self, storage: &Storage, acknowledged: &[TaskId]) -> Result<(), String> {
        for id in acknowledged {
            let task = storage
                .tasks
                .get(self.tenant, *id)
                .await
                .map_err(|error| format!("{id} is lost: {error}"))?;
            must(task.state.is_final(), || {
                format!("{id} is {}", task.state.as_str())
            })?;
            let result = self.results.get(id);
            must(
                result.is_none() || (task.state, task.result.as_ref()) == (TaskState::Completed, result),
                || format!("{id} had the result {result:?}, and is {:?} now", task.result),
            )?;
        }
        Ok(())
    }
}

impl Truths {
    /// The log of what happened is without gaps, and tells of nothing of another tenant.
    pub async fn log(&self, storage: &Storage) -> Result<(), String> {
        while storage.events.number(MANY).await.unwrap() > 0 {}
        let anybody = AgentFilter::default();
        let agents = storage.agents.list(self.tenant, &anybody, all());
        let agents: HashSet<_> = agents.await.unwrap().items.iter().map(|agent| agent.id).collect();
        let tasks: HashSet<_> = self.tasks(storage).await.iter().map(|task| task.id).collect();
        let log = storage.events.after(self.tenant, 0, MANY).await.unwrap();
        for (place, event) in (1..).zip(&log) {
            must(event.number == place, || {
                format!("event {} is at {place}", event.number)
            })?;
            let known = event.agent_id.is_none_or(|id| agents.contains(&id))
                && event.task_id.is_none_or(|id| tasks.contains(&id));
            must(known && event.tenant_id == self.tenant, || {
                format!("a log tells of another tenant: {event:?}")
            })?;
        }
        must(!log.is_empty(), || "a log tells of nothing".to_owned())
    }
}

/// Nobody holds more than it takes, and who is gone holds nothing.
fn places(tasks: &[Task], agents: &HashMap<AgentId, Agent>) -> Result<(), String> {
    let mut held: BTreeMap<AgentId, u32> = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.state.is_held()) {
        let holder = task
            .holder()
            .ok_or_else(|| format!("{} is held by nobody", task.id))?;
        *held.entry(holder).or_default() += 1;
    }
    for (id, count) in held {
        let agent = agents.get(&id).ok_or_else(|| format!("no agent {id}"))?;
        must(agent.state != AgentState::Offline, || {
            format!("{} is offline and has {count} tasks", agent.name)
        })?;
        must(count <= agent.capacity, || {
            format!("{} holds {count} of {}", agent.name, agent.capacity)
        })?;
    }
    Ok(())
}

fn one(task: &Task, before: Option<&Task>) -> Result<(), String> {
    let id = task.id;
    must(task.due_at.is_some() != task.state.is_final(), || {
        format!("{id} is {} and due at {:?}", task.state.as_str(), task.due_at)
    })?;
    must(
        (task.state == TaskState::Completed) == task.result.is_some(),
        || format!("{id} is {} with {:?}", task.state.as_str(), task.result),
    )?;
    if let Some(result) = &task.result {
        must(result["fence"] == task.fence, || {
            format!(
                "{id} has the result of assignment {}, not of {}",
                result["fence"], task.fence
            )
        })?;
    }
    let Some(before) = before else { return Ok(()) };
    must(task.fence >= before.fence, || {
        format!("{id}: fence {} after {}", task.fence, before.fence)
    })?;
    must(
        task.attempt >= before.attempt && task.events >= before.events,
        || format!("{id}: attempts or events went back"),
    )?;
    let same = (task.state, &task.result, task.fence) == (before.state, &before.result, before.fence);
    must(same || !before.state.is_final(), || {
        format!(
            "{id} was {} and is {}",
            before.state.as_str(),
            task.state.as_str()
        )
    })
}

/// A history is a path: numbered without gaps, each state follows from the one before, the fence rises with each assignment, one end.
fn history(task: &Task, events: &[TaskEvent]) -> Result<(), String> {
    let id = task.id;
    must(events.len() == task.events as usize, || {
        format!("{id} has {} of {} events", events.len(), task.events)
    })?;
    let (mut state, mut fence) = (TaskState::Pending, 0);
    for (place, event) in events.iter().enumerate() {
        must(event.number as usize == place + 1, || {
            format!("{id}: event {} at {place}", event.number)
        })?;
        if event.kind == EventKind::LateAnswer {
            continue;
        }
        must(follows(state, event.state), || {
            format!("{id}: {} after {}", event.state.as_str(), state.as_str())
        })?;
        if event.kind == EventKind::Assigned {
            fence += 1;
        }
        must(event.fence == fence, || {
            format!(
                "{id}: {:?} of assignment {} during {fence}",
                event.kind, event.fence
            )
        })?;
        state = event.state;
    }
    must(fence == task.fence && follows(state, task.state), || {
        format!(
            "{id} is {} #{}, its history ends {} #{fence}",
            task.state.as_str(),
            task.fence,
            state.as_str()
        )
    })
}

/// Directly, or over the waiting that leaves no line of its own.
fn follows(before: TaskState, after: TaskState) -> bool {
    before == after
        || before.may_become(after)
        || (before.may_become(TaskState::Pending) && TaskState::Pending.may_become(after))
}
