//! What a replica's agents are given and lose. It looks at what they hold whenever a task has moved, and tells the
//! difference to what it has told: nothing is lost when a wake-up call is, and what is told twice is told with its number.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use control::{Control, ControlError};
use domain::task::TaskState;
use domain::{AgentId, StoreError, Task, TaskId, TenantId};
use futures::stream::BoxStream;
use futures::{SinkExt, StreamExt};
use proto::v1::watch_agents_response::Event;
use proto::v1::{WatchAgentsRequest, WatchAgentsResponse};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use crate::grpc::parse::{id, status, to_json};
use crate::http::routes::tasks::TaskView;

/// Looks are at least so far apart: a burst of moves is one look.
const PAUSE: Duration = Duration::from_millis(20);
/// Without a wake-up call it looks so often.
const POLL: Duration = Duration::from_secs(5);
/// Events on their way to the replica.
const BUFFER: usize = 256;

/// What the replica's agents hold by its knowledge: each task with the number of its assignment.
type Told = BTreeMap<(TenantId, AgentId), BTreeMap<TaskId, u64>>;

struct Watcher {
    control: Control,
    told: Told,
    say: futures::channel::mpsc::Sender<Result<WatchAgentsResponse, Status>>,
}

/// The events for the agents that the replica names, until it or this process stops.
pub(super) fn events(
    control: Control,
    asked: Streaming<WatchAgentsRequest>,
    stop: CancellationToken,
) -> BoxStream<'static, Result<WatchAgentsResponse, Status>> {
    let (say, said) = futures::channel::mpsc::channel(BUFFER);
    let watcher = Watcher {
        control,
        told: Told::new(),
        say,
    };
    let watching = async move {
        stop.run_until_cancelled(watcher.watch(asked)).await;
    };
    // Both in one stream, which drives them: it ends when the watching does.
    let events = futures::stream::once(watching).filter_map(|()| async { None });
    futures::stream::select(events, said).boxed()
}

impl Watcher {
    async fn watch(mut self, mut asked: Streaming<WatchAgentsRequest>) {
        let mut moved = self.control.storage.tasks.moved();
        loop {
            let woken = tokio::select! {
                request = asked.message() => match request {
                    Ok(Some(request)) => self.hold(&request),
                    Ok(None) | Err(_) => return,
                },
                _ = moved.changed() => Ok(()),
                () = tokio::time::sleep(POLL) => Ok(()),
            };
            let looked = match woken {
                Ok(()) => self.gather_and_look(&mut asked, &mut moved).await,
                Err(status) => Err(status),
            };
            if let Err(status) = looked {
                let _ = self.say.send(Err(status)).await;
                return;
            }
        }
    }

    /// Takes in what else comes within the pause, then looks once.
    async fn gather_and_look(
        &mut self,
        asked: &mut Streaming<WatchAgentsRequest>,
        moved: &mut watch::Receiver<u64>,
    ) -> Result<(), Status> {
        let until = tokio::time::Instant::now() + PAUSE;
        while let Ok(request) = tokio::time::timeout_at(until, asked.message()).await {
            match request? {
                Some(request) => self.hold(&request)?,
                None => return Err(Status::cancelled("the replica listens no more")),
            }
        }
        moved.mark_unchanged();
        self.look().await
    }

    fn hold(&mut self, request: &WatchAgentsRequest) -> Result<(), Status> {
        let agent = (
            id("tenant_id", &request.tenant_id)?,
            id("agent_id", &request.agent_id)?,
        );
        if request.held {
            self.told.entry(agent).or_default();
        } else {
            self.told.remove(&agent);
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Status> {
        let tenants: BTreeSet<_> = self.told.keys().map(|(tenant, _)| *tenant).collect();
        for tenant in tenants {
            let agents: Vec<_> = self.of_tenant(tenant).collect();
            let held = self.control.storage.tasks.held_by(tenant, &agents).await;
            let mut held_by: BTreeMap<AgentId, Vec<Task>> = BTreeMap::new();
            for task in held.map_err(failed)? {
                if let Some(agent) = task.holder() {
                    held_by.entry(agent).or_default().push(task);
                }
            }
            for agent in agents {
                let held = held_by.remove(&agent).unwrap_or_default();
                self.tell((tenant, agent), held).await?;
            }
        }
        Ok(())
    }

    fn of_tenant(&self, tenant: TenantId) -> impl Iterator<Item = AgentId> {
        let of = self.told.keys().filter(move |(of, _)| *of == tenant);
        of.map(|(_, agent)| *agent).collect::<Vec<_>>().into_iter()
    }

    async fn tell(&mut self, agent: (TenantId, AgentId), held: Vec<Task>) -> Result<(), Status> {
        let known = self.told.remove(&agent).unwrap_or_default();
        let now: BTreeMap<_, _> = held.iter().map(|task| (task.id, task.fence)).collect();
        for (task, fence) in &known {
            if now.get(task) != Some(fence) {
                self.withdraw(agent, *task, *fence).await?;
            }
        }
        for task in held {
            let new = known.get(&task.id) != Some(&task.fence);
            if new && task.state == TaskState::Assigned {
                let shown = to_json(&TaskView::from(task))?;
                self.send(agent, Event::AssignedJson(shown)).await?;
            }
        }
        self.told.insert(agent, now);
        Ok(())
    }

    /// The agent has the task no more. What it has ended itself it knows.
    async fn withdraw(&mut self, agent: (TenantId, AgentId), task: TaskId, fence: u64) -> Result<(), Status> {
        let task = match self.control.storage.tasks.get(agent.0, task).await {
            Err(StoreError::NotFound) => return Ok(()),
            found => found.map_err(failed)?,
        };
        let ended_by_itself = task.fence == fence
            && matches!(
                task.state,
                TaskState::Completed | TaskState::Failed | TaskState::Rejected
            );
        if ended_by_itself {
            return Ok(());
        }
        let shown = to_json(&TaskView::from(task))?;
        self.send(agent, Event::WithdrawnJson(shown)).await
    }

    async fn send(&mut self, (tenant, agent): (TenantId, AgentId), event: Event) -> Result<(), Status> {
        let event = WatchAgentsResponse {
            tenant_id: tenant.to_string(),
            agent_id: agent.to_string(),
            event: Some(event),
        };
        let sent = self.say.send(Ok(event)).await;
        sent.map_err(|_| Status::cancelled("the replica listens no more"))
    }
}

fn failed(error: StoreError) -> Status {
    status(ControlError::from(error))
}
