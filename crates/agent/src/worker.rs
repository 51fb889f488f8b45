//! The tasks of an agent: which run, and what becomes of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Mesh;
use crate::builder::Handlers;
use crate::heart::Identity;
use crate::job::Job;
use crate::options::Options;
use crate::task::Assigned;
use crate::trace::Tracing;

/// How many tasks run, of how many.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    running: Arc<AtomicUsize>,
    capacity: u32,
}

impl Workload {
    pub(crate) fn of(capacity: u32) -> Self {
        Self {
            running: Arc::default(),
            capacity: capacity.max(1),
        }
    }

    /// 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        let running = u32::try_from(self.running.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        (f64::from(running) / f64::from(self.capacity)).min(1.0)
    }
}

/// What the heart found out.
#[derive(Debug)]
pub(crate) enum Order {
    /// A task was given to this agent.
    Take(Assigned),
    /// Of what was accepted before `asked`, the agent has only these.
    Only {
        working: Vec<(String, u64)>,
        asked: Instant,
    },
}

/// A task that runs here.
struct Running {
    fence: u64,
    accepted: Arc<OnceLock<Instant>>,
    cancel: CancellationToken,
}

/// Runs tasks.
pub(crate) struct Worker {
    pub(crate) mesh: Mesh,
    pub(crate) options: Arc<Options>,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) tracing: Arc<dyn Tracing>,
    pub(crate) identity: watch::Receiver<Option<Identity>>,
    pub(crate) workload: Workload,
    pub(crate) said: mpsc::UnboundedReceiver<(String, Value)>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    letters: Option<mpsc::UnboundedSender<Value>>,
    /// No further tasks.
    pub(crate) drain: CancellationToken,
    running: HashMap<String, Running>,
    jobs: JoinSet<(String, u64)>,
}

/// What the mesh tells of a task.
#[derive(Deserialize)]
struct Told {
    task: Assigned,
}

/// The ends of the channels that the worker reads.
pub(crate) struct Inlets {
    pub(crate) said: mpsc::UnboundedReceiver<(String, Value)>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    /// To whoever reads messages.
    pub(crate) letters: Option<mpsc::UnboundedSender<Value>>,
}

impl Worker {
    pub(crate) fn new(
        mesh: Mesh,
        agent: (Arc<Options>, Arc<Handlers>, Arc<dyn Tracing>),
        identity: watch::Receiver<Option<Identity>>,
        workload: Workload,
        inlets: Inlets,
        drain: CancellationToken,
    ) -> Self {
        let (options, handlers, tracing) = agent;
        Self {
            mesh,
            options,
            handlers,
            tracing,
            identity,
            workload,
            said: inlets.said,
            orders: inlets.orders,
            letters: inlets.letters,
            drain,
            running: HashMap::new(),
            jobs: JoinSet::new(),
        }
    }

    /// Runs tasks until it is told to drain and the last one has ended.
    pub(crate) async fn run(mut self) {
        loop {
            let is_draining = self.drain.is_cancelled();
            if is_draining && self.jobs.is_empty() {
                return;
            }
            tokio::select! {
                () = self.drain.cancelled(), if !is_draining => {}
                Some((method, params)) = self.said.recv() => self.hear(&method, params),
                Some(order) = self.orders.recv() => self.obey(order),
                Some(ended) = self.jobs.join_next() => self.ended(ended),
            }
            self.workload.running.store(self.jobs.len(), Ordering::Relaxed);
        }
    }

    fn hear(&mut self, method: &str, params: Value) {
        if method == "message.received" {
            if let Some(letters) = &self.letters {
                // Its reader ends with this.
                let _ = letters.send(params);
            }
            return;
        }
        if !matches!(method, "task.assigned" | "task.withdrawn") {
            return;
        }
        match Told::deserialize(params) {
            Ok(Told { task }) if method == "task.assigned" => self.take(task),
            Ok(Told { task }) => self.withdraw(&task),
            Err(error) => tracing::error!(%error, method, "what the mesh says of a task cannot be read"),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Take(task) => self.take(task),
            Order::Only { working, asked } => {
                for (id, running) in &self.running {
                    let was_there = running.accepted.get().is_some_and(|accepted| *accepted < asked);
                    let is_held = working
                        .iter()
                        .any(|(held, fence)| held == id && *fence == running.fence);
                    if was_there && !is_held {
                        running.cancel.cancel();
                    }
                }
            }
        }
    }

    /// Begins a task, unless it runs already: the mesh may tell of it again.
    fn take(&mut self, task: Assigned) {
        let Some(identity) = self.identity.borrow().clone() else {
            return;
        };
        if let Some(running) = self.running.get(&task.id) {
            if running.fence >= task.fence {
                return;
            }
            running.cancel.cancel();
        }
        let running = Running {
            fence: task.fence,
            accepted: Arc::default(),
            cancel: CancellationToken::new(),
        };
        let (id, fence) = (task.id.clone(), task.fence);
        let job = Job {
            agent: identity.id,
            handler: self.handlers.of(&task.kind),
            refuse: self.drain.is_cancelled(),
            task: Arc::new(task),
            mesh: self.mesh.clone(),
            options: Arc::clone(&self.options),
            tracing: Arc::clone(&self.tracing),
            accepted: Arc::clone(&running.accepted),
            cancel: running.cancel.clone(),
        };
        self.running.insert(id.clone(), running);
        self.jobs.spawn(async move {
            job.run().await;
            (id, fence)
        });
    }

    fn withdraw(&mut self, task: &Assigned) {
        // The number may have risen since: what was taken away is what runs here.
        if let Some(running) = self.running.get(&task.id) {
            running.cancel.cancel();
        }
    }

    fn ended(&mut self, ended: Result<(String, u64), tokio::task::JoinError>) {
        match ended {
            Ok((id, fence)) => {
                if self
                    .running
                    .get(&id)
                    .is_some_and(|running| running.fence == fence)
                {
                    self.running.remove(&id);
                }
            }
            Err(error) => tracing::error!(%error, "a task's job broke off"),
        }
    }
}
