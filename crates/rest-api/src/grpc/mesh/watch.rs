//! What a replica's agents are given and lose, and the messages for them. It looks at what an agent holds whenever that agent
//! is named by a wake-up call, and tells the difference to what it has told: nothing is lost when a wake-up call is, and what is
//! told twice is told with its number.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use control::messages::{Inbox, Tracked};
use control::{Control, ControlError};
use domain::ports::storage::Woken;
use domain::task::TaskState;
use domain::{AgentId, MessageId, StoreError, Task, TaskId, TenantId};
use futures::stream::BoxStream;
use futures::{SinkExt, StreamExt};
use proto::v1::watch_agents_response::Event;
use proto::v1::{WatchAgentsRequest, WatchAgentsResponse};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use crate::grpc::parse::{id, status, to_json};
use crate::http::routes::messages::MessageView;
use crate::http::routes::tasks::TaskView;

/// Looks are as far apart as the last one took, and at least so far: a burst of moves is one look, and looking takes half of the
/// time at most.
const PAUSE: Duration = Duration::from_millis(1);
/// Without a wake-up call it looks so often.
const POLL: Duration = Duration::from_secs(5);
/// Events on their way to the replica.
const BUFFER: usize = 256;

type Who = (TenantId, AgentId);

/// What an agent has by the replica's knowledge.
#[derive(Default)]
struct Known {
    /// Its tasks, each with the number of its assignment.
    tasks: BTreeMap<TaskId, u64>,
    /// The messages that wait for its acknowledgement.
    messages: BTreeSet<MessageId>,
}

struct Watcher {
    control: Control,
    told: BTreeMap<Who, Known>,
    /// Those that are to be looked at.
    due: BTreeSet<Who>,
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
        told: BTreeMap::new(),
        due: BTreeSet::new(),
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
        let mut woken = self.control.storage.events.woken();
        let mut look_again = Instant::now();
        let mut polled_at = Instant::now();
        loop {
            let next = if self.due.is_empty() {
                polled_at + POLL
            } else {
                look_again
            };
            let heard = tokio::select! {
                biased;
                request = asked.message() => match request {
                    Ok(Some(request)) => self.hold(&request),
                    Ok(None) | Err(_) => return,
                },
                call = hear(&mut woken) => match call {
                    Some(call) => {
                        self.wake(&call);
                        Ok(())
                    }
                    None => return,
                },
                () = tokio::time::sleep_until(next) => {
                    if polled_at + POLL <= Instant::now() {
                        polled_at = Instant::now();
                        self.wake(&Woken::All);
                    }
                    let began = Instant::now();
                    let looked = self.look().await;
                    look_again = Instant::now() + began.elapsed().max(PAUSE);
                    looked
                }
            };
            if let Err(status) = heard {
                let _ = self.say.send(Err(status)).await;
                return;
            }
        }
    }

    /// Notes which of its agents are to be looked at.
    fn wake(&mut self, call: &Woken) {
        match call {
            Woken::Agents(agents) => {
                let held = agents.iter().filter(|agent| self.told.contains_key(agent));
                self.due.extend(held.copied());
            }
            Woken::All => self.due = self.told.keys().copied().collect(),
        }
    }

    fn hold(&mut self, request: &WatchAgentsRequest) -> Result<(), Status> {
        let agent = (
            id("tenant_id", &request.tenant_id)?,
            id("agent_id", &request.agent_id)?,
        );
        if request.held {
            self.told.entry(agent).or_default();
            self.due.insert(agent);
        } else {
            self.told.remove(&agent);
            self.due.remove(&agent);
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Status> {
        let mut due: BTreeMap<TenantId, Vec<AgentId>> = BTreeMap::new();
        for (tenant, agent) in std::mem::take(&mut self.due) {
            due.entry(tenant).or_default().push(agent);
        }
        for (tenant, agents) in due {
            let held = self.control.storage.tasks.held_by(tenant, &agents).await;
            let mut held_by: BTreeMap<AgentId, Vec<Task>> = BTreeMap::new();
            for task in held.map_err(failed)? {
                if let Some(agent) = task.holder() {
                    held_by.entry(agent).or_default().push(task);
                }
            }
            let waiting = self.control.waiting_messages(tenant, &agents).await;
            let mut inboxes: BTreeMap<AgentId, Inbox> = BTreeMap::new();
            for (message, delivery) in waiting.map_err(status)? {
                let inbox = inboxes.entry(delivery.agent_id).or_default();
                inbox.push((message, delivery));
            }
            for agent in agents {
                let who = (tenant, agent);
                let mut known = self.told.remove(&who).unwrap_or_default();
                let held = held_by.remove(&agent).unwrap_or_default();
                known.tasks = self.tell_tasks(who, known.tasks, held).await?;
                let inbox = inboxes.remove(&agent).unwrap_or_default();
                known.messages = self.tell_messages(who, &known.messages, inbox).await?;
                self.told.insert(who, known);
            }
        }
        Ok(())
    }

    async fn tell_tasks(
        &mut self,
        agent: Who,
        known: BTreeMap<TaskId, u64>,
        held: Vec<Task>,
    ) -> Result<BTreeMap<TaskId, u64>, Status> {
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
        Ok(now)
    }

    async fn tell_messages(
        &mut self,
        agent: Who,
        known: &BTreeSet<MessageId>,
        inbox: Inbox,
    ) -> Result<BTreeSet<MessageId>, Status> {
        let now = inbox.iter().map(|(message, _)| message.id).collect();
        let is_new = |(message, _): &(domain::Message, _)| !known.contains(&message.id);
        let new: Inbox = inbox.into_iter().filter(is_new).collect();
        for (message, delivery) in new.iter().cloned() {
            let deliveries = vec![delivery];
            let shown = to_json(&MessageView::from(Tracked { message, deliveries }))?;
            self.send(agent, Event::MessageJson(shown)).await?;
        }
        self.control.handed_out(agent, &new).await.map_err(status)?;
        Ok(now)
    }

    /// The agent has the task no more. What it has ended itself it knows.
    async fn withdraw(&mut self, agent: Who, task: TaskId, fence: u64) -> Result<(), Status> {
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

    async fn send(&mut self, (tenant, agent): Who, event: Event) -> Result<(), Status> {
        let event = WatchAgentsResponse {
            tenant_id: tenant.to_string(),
            agent_id: agent.to_string(),
            event: Some(event),
        };
        let sent = self.say.send(Ok(event)).await;
        sent.map_err(|_| Status::cancelled("the replica listens no more"))
    }
}

/// The next wake-up call; none when storage is closing. Who has missed some takes it that all were woken.
async fn hear(woken: &mut Receiver<Woken>) -> Option<Woken> {
    match woken.recv().await {
        Ok(call) => Some(call),
        Err(RecvError::Lagged(_)) => Some(Woken::All),
        Err(RecvError::Closed) => None,
    }
}

fn failed(error: StoreError) -> Status {
    status(ControlError::from(error))
}
