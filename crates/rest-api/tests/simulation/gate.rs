//! A point before each call of storage, where the world decides who goes on.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::agent::{Agent, Manifest};
use domain::ports::Storage;
use domain::ports::storage::{
    AgentFilter, Agents, Created, Known, Learned, TaskChange, TaskFilter, Tasks, WaitingTasks,
};
use domain::task::{Decision, TaskEvent, TaskState};
use domain::{AgentId, DecisionId, Page, PageRequest, StoreError, Task, TaskId, TenantId};
use tokio::sync::watch;

/// Where whoever calls storage waits for its turn.
#[derive(Default)]
pub struct Gate(AtomicBool);

impl Gate {
    fn pass(&self) -> Pass<'_> {
        Pass {
            gate: self,
            waited: false,
        }
    }

    /// Lets it go on to its next call of storage, or to its end.
    pub async fn step<T>(&self, work: &mut Pin<Box<dyn Future<Output = T>>>) -> Option<T> {
        poll_fn(|context| {
            self.0.store(false, Ordering::Relaxed);
            match work.as_mut().poll(context) {
                Poll::Ready(end) => Poll::Ready(Some(end)),
                Poll::Pending if self.0.load(Ordering::Relaxed) => Poll::Ready(None),
                // It waits for the database, and nobody else goes on meanwhile.
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

struct Pass<'a> {
    gate: &'a Gate,
    waited: bool,
}

impl Future for Pass<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.waited {
            return Poll::Ready(());
        }
        self.waited = true;
        self.gate.0.store(true, Ordering::Relaxed);
        Poll::Pending
    }
}

/// A part of storage behind the gate.
struct Gated<T: ?Sized> {
    inner: Arc<T>,
    gate: Arc<Gate>,
    /// Whether tasks are given without a look at the agent's places.
    blind: bool,
}

/// Agents and tasks behind the gate.
pub fn gated(storage: &Storage, gate: &Arc<Gate>, blind: bool) -> Storage {
    Storage {
        agents: Arc::new(Gated {
            inner: Arc::clone(&storage.agents),
            gate: Arc::clone(gate),
            blind,
        }),
        tasks: Arc::new(Gated {
            inner: Arc::clone(&storage.tasks),
            gate: Arc::clone(gate),
            blind,
        }),
        ..storage.clone()
    }
}

impl<T: ?Sized> Gated<T> {
    fn seen(&self, change: &TaskChange) -> TaskChange {
        let mut change = change.clone();
        change.assigns &= !self.blind;
        change
    }
}

macro_rules! behind_the_gate {
    ($trait:ident $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+ = $($rest:item)*) => {
        #[async_trait]
        impl $trait for Gated<dyn $trait> {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.gate.pass().await;
                self.inner.$name($($argument),*).await
            })+
            $($rest)*
        }
    };
}

behind_the_gate! { Agents
    fn put_manifest(tenant: TenantId, manifest: &Manifest) -> ();
    fn manifests(tenant: TenantId) -> Vec<Manifest>;
    fn remove_manifest(tenant: TenantId, name: &str) -> ();
    fn add(tenant: TenantId, agent: &Agent) -> ();
    fn save(tenant: TenantId, agent: &Agent, before: &Agent, lost: &[TaskChange], wakes: bool) -> ();
    fn get(tenant: TenantId, id: AgentId) -> Agent;
    fn by_name(tenant: TenantId, name: &str) -> Agent;
    fn list(tenant: TenantId, filter: &AgentFilter, page: PageRequest) -> Page<Agent>;
    fn present(tenant: TenantId) -> Vec<Agent>;
    fn known(tenant: TenantId) -> Vec<Known>;
    fn learned(tenant: TenantId, id: AgentId) -> Learned;
    fn learn(tenant: TenantId, id: AgentId, learned: &Learned) -> ();
    fn silent(now: DateTime<Utc>, limit: u32) -> Vec<Agent>;
    fn all_present() -> Vec<Agent>;
    fn count_manifests() -> Vec<(TenantId, u64)>;
    =
}

behind_the_gate! { Tasks
    fn get(tenant: TenantId, id: TaskId) -> Task;
    fn by_idempotency_key(tenant: TenantId, key: &str) -> Option<Task>;
    fn list(tenant: TenantId, filter: &TaskFilter, page: PageRequest) -> Page<Task>;
    fn open_tree(tenant: TenantId, id: TaskId, limit: u32) -> Vec<Task>;
    fn parts(tenant: TenantId, parent: TaskId) -> Vec<(TaskState, u64)>;
    fn history(tenant: TenantId, id: TaskId) -> Vec<TaskEvent>;
    fn decisions(tenant: TenantId, id: TaskId) -> Vec<Decision>;
    fn decisions_since(tenant: TenantId, since: DateTime<Utc>, before: Option<DecisionId>, limit: u32) -> Vec<Decision>;
    fn histories(tenant: TenantId, ids: &[TaskId]) -> Vec<(TaskId, TaskEvent)>;
    fn held_by(tenant: TenantId, agents: &[AgentId]) -> Vec<Task>;
    fn due(now: DateTime<Utc>, limit: u32) -> Vec<Task>;
    fn pending(tenant: TenantId, last: Option<&Task>, limit: u32) -> Vec<Task>;
    fn waiting() -> Vec<WaitingTasks>;
    =
    async fn create(&self, tenant: TenantId, change: &TaskChange) -> Result<Created, StoreError> {
        self.gate.pass().await;
        self.inner.create(tenant, &self.seen(change)).await
    }

    async fn save(&self, tenant: TenantId, changes: &[TaskChange]) -> Result<(), StoreError> {
        self.gate.pass().await;
        let changes: Vec<_> = changes.iter().map(|change| self.seen(change)).collect();
        self.inner.save(tenant, &changes).await
    }

    async fn save_each(&self, tenant: TenantId, changes: &[TaskChange]) -> Result<Vec<bool>, StoreError> {
        self.gate.pass().await;
        let changes: Vec<_> = changes.iter().map(|change| self.seen(change)).collect();
        self.inner.save_each(tenant, &changes).await
    }

    fn moved(&self) -> watch::Receiver<u64> {
        self.inner.moved()
    }
}
