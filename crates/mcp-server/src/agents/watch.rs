//! Hears from the control plane what the agents of this replica are given and lose, and tells them.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::{AgentId, TenantId};
use futures::StreamExt;
use futures::channel::mpsc;
use proto::v1::mesh_service_client::MeshServiceClient;
use proto::v1::watch_agents_response::Event;
use proto::v1::{WatchAgentsRequest, WatchAgentsResponse};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uplink::Link;

use super::Agents;

/// Between two tries to reach the control plane.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until `stop`.
///
/// # Errors
/// None: while the control plane is away it tries again.
pub async fn run(agents: Arc<Agents>, link: Link, stop: CancellationToken) -> Result<(), Infallible> {
    let listen = async {
        loop {
            if let Err(error) = listen(&agents, &link).await {
                tracing::debug!(%error, "what agents are given cannot be heard");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(listen).await;
    Ok(())
}

async fn listen(agents: &Agents, link: &Link) -> Result<(), Status> {
    let mut changed = agents.changed.subscribe();
    let (say, said) = mpsc::unbounded();
    let mut told = BTreeSet::new();
    say_held(agents, &mut told, &say);
    let mut client = MeshServiceClient::new(link.clone()).max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
    let mut events = client.watch(said).await?.into_inner();
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => hear(agents, event?).await,
                None => return Ok(()),
            },
            _ = changed.changed() => say_held(agents, &mut told, &say),
        }
    }
}

/// An agent, and the connection that it is reached over.
type Reached = (TenantId, AgentId, String);

/// Says which agents are held no more, and then which are since. One that is reached over another connection is both: what it
/// has not answered is told there once more.
fn say_held(agents: &Agents, told: &mut BTreeSet<Reached>, say: &mpsc::UnboundedSender<WatchAgentsRequest>) {
    let held = agents.held();
    let reached = held
        .iter()
        .map(|((tenant, agent), reached)| (*tenant, *agent, reached.connection.id().to_owned()));
    let now: BTreeSet<Reached> = reached.collect();
    drop(held);
    let request = |(tenant, agent, _): &Reached, held| WatchAgentsRequest {
        tenant_id: tenant.to_string(),
        agent_id: agent.to_string(),
        held,
    };
    // What cannot be said has nobody to hear it: the stream is over, and the next one begins with all of them.
    for agent in told.difference(&now) {
        let _ = say.unbounded_send(request(agent, false));
    }
    for agent in now.difference(told) {
        let _ = say.unbounded_send(request(agent, true));
    }
    *told = now;
}

async fn hear(agents: &Agents, event: WatchAgentsResponse) {
    let (Ok(tenant), Ok(agent)) = (event.tenant_id.parse(), event.agent_id.parse()) else {
        return;
    };
    let (method, noun, thing) = match event.event {
        Some(Event::AssignedJson(task)) => ("task.assigned", "task", task),
        Some(Event::WithdrawnJson(task)) => ("task.withdrawn", "task", task),
        Some(Event::MessageJson(message)) => ("message.received", "message", message),
        None => return,
    };
    match serde_json::from_slice::<Value>(&thing) {
        Ok(thing) => agents.tell((tenant, agent), method, noun, thing).await,
        Err(error) => tracing::error!(%error, "the control plane told of something that cannot be read"),
    }
}
