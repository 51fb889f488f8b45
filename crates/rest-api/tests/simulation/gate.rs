//! A point before each call of storage, where the world decides who goes on.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::agent::{Agent, Manifest};
use domain::message::{Delivery, DeliveryState};
use domain::ports::Storage;
use domain::ports::storage::{
    AgentFilter, Agents, Created, Known, Learned, Messages, Sent, TaskChange, TaskFilter, Tasks, Tenants,
    WaitingTasks,
};
use domain::task::{Decision, TaskEvent, TaskState};
use domain::{
    AgentId, ApiKey, DecisionId, Grant, Isolation, Message, MessageId, Organization, Page, PageRequest,
    StoreError, Task, TaskId, Tenant, TenantId,
};
use tokio::sync::watch;

use crate::world::Broken;

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
    broken: Broken,
}

/// Tenants, agents, tasks and messages behind the gate.
pub fn gated(storage: &Storage, gate: &Arc<Gate>, broken: Broken) -> Storage {
    Storage {
        tenants: behind(&storage.tenants, gate, broken),
        agents: behind(&storage.agents, gate, broken),
        tasks: behind(&storage.tasks, gate, broken),
        messages: behind(&storage.messages, gate, broken),
        ..storage.clone()
    }
}

fn behind<T: ?Sized>(inner: &Arc<T>, gate: &Arc<Gate>, broken: Broken) -> Arc<Gated<T>> {
    Arc::new(Gated {
        inner: Arc::clone(inner),
        gate: Arc::clone(gate),
        broken,
    })
}

impl<T: ?Sized> Gated<T> {
    fn seen(&self, change: &TaskChange) -> TaskChange {
        let mut change = change.clone();
        change.assigns &= self.broken != Broken::Places;
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

behind_the_gate! { Tenants
    fn bootstrap(organization: &Organization, tenant: &Tenant, admin: &ApiKey) -> bool;
    fn create(tenant: &Tenant, admin: &ApiKey) -> ();
    fn siblings(tenant: TenantId, page: PageRequest) -> Page<Tenant>;
    fn isolate(tenant: TenantId, isolation: Isolation) -> ();
    fn grants(tenant: TenantId) -> Vec<Grant>;
    fn grant(tenant: TenantId, grant: &Grant) -> ();
    fn ungrant(tenant: TenantId, grant: &Grant) -> bool;
    fn count_modes() -> Vec<(Isolation, u64)>;
    fn all_ids() -> Vec<TenantId>;
    =
    async fn get(&self, tenant: TenantId) -> Result<Tenant, StoreError> {
        self.gate.pass().await;
        let mut tenant = self.inner.get(tenant).await?;
        if self.broken == Broken::Borders {
            tenant.isolation = Isolation::Open;
        }
        Ok(tenant)
    }
}

behind_the_gate! { Messages
    fn send(tenant: TenantId, message: &Message, receivers: &[Delivery], room: u32) -> Sent;
    fn get(tenant: TenantId, id: MessageId) -> Message;
    fn deliveries(tenant: TenantId, id: MessageId) -> Vec<Delivery>;
    fn waiting(tenant: TenantId, agents: &[AgentId], limit: u32, now: DateTime<Utc>) -> Vec<(Message, Delivery)>;
    fn handed_out(tenant: TenantId, agent: AgentId, messages: &[MessageId], now: DateTime<Utc>) -> ();
    fn expire(now: DateTime<Utc>, limit: u32) -> Vec<Delivery>;
    =
    async fn acknowledge(
        &self,
        tenant: TenantId,
        agent: AgentId,
        id: MessageId,
        now: DateTime<Utc>,
    ) -> Result<DeliveryState, StoreError> {
        self.gate.pass().await;
        if self.broken == Broken::Receipts {
            return Ok(DeliveryState::Delivered);
        }
        self.inner.acknowledge(tenant, agent, id, now).await
    }
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
