//! Says that the agent is there: registers it, and lets the mesh hear it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::options::Options;
use crate::standing::{Standing, Watcher};
use crate::task::Assigned;
use crate::worker::{Order, Workload};
use crate::{Error, Mesh, Refused};

/// Under which name and number the mesh knows this instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) epoch: u64,
}

/// The heart of an agent.
pub(crate) struct Heart {
    pub(crate) mesh: Mesh,
    pub(crate) options: Options,
    pub(crate) watcher: Watcher,
    pub(crate) attached: watch::Receiver<u64>,
    pub(crate) identity: watch::Sender<Option<Identity>>,
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    pub(crate) workload: Workload,
    /// The mesh asks the agent to finish.
    pub(crate) drain: CancellationToken,
}

/// What the mesh says an agent holds.
#[derive(Deserialize)]
struct Held {
    offered: Vec<Assigned>,
    working: Vec<Assigned>,
}

impl Heart {
    /// Beats until the mesh does not want this agent any more; why.
    pub(crate) async fn run(mut self) -> Error {
        let pause = self.options.heartbeat / 3;
        let mut seen = 0;
        loop {
            let attached = *self.attached.borrow_and_update();
            if attached > 0 {
                match self.beat(attached != seen, pause).await {
                    Ok(()) => seen = attached,
                    Err(Some(error)) => return error,
                    Err(None) => {}
                }
            }
            // A new connection is used for a heartbeat at once: tasks come over the one that carried the last.
            if let Ok(Err(_)) = timeout(self.pause(seen, pause), self.attached.changed()).await {
                return Error::Ended;
            }
        }
    }

    /// Until the next heartbeat; soon, where the connection has not carried one yet.
    fn pause(&self, seen: u64, pause: Duration) -> Duration {
        let is_known = *self.attached.borrow() == seen;
        if is_known {
            pause
        } else {
            pause.min(Duration::from_millis(500))
        }
    }

    /// One heartbeat. None: it did not come through, which is no reason to end.
    async fn beat(&mut self, is_new: bool, pause: Duration) -> Result<(), Option<Error>> {
        let known = self.identity.borrow().clone();
        let identity = match known {
            Some(identity) => identity,
            None => self.register().await?,
        };
        let params = json!({
            "agent_id": identity.id,
            "epoch": identity.epoch,
            "workload": self.workload.share(),
        });
        let beat = timeout(pause, self.mesh.once("agent.heartbeat", params, true)).await;
        let Ok(beat) = beat else { return Err(None) };
        match beat {
            Ok(agent) if agent["state"] == "draining" => self.drain.cancel(),
            Ok(_) => {}
            Err(Error::Refused(refused)) if is_offline(&refused) => {
                tracing::warn!(
                    agent = identity.id,
                    "the mesh has missed this agent: it registers again"
                );
                self.lost();
                return Err(None);
            }
            Err(error) => return Err(lasting(error)),
        }
        if is_new {
            self.look(&identity).await
        } else {
            Ok(())
        }
    }

    async fn register(&mut self) -> Result<Identity, Option<Error>> {
        let mut asked = json!({
            "name": self.options.name,
            "type": self.options.agent_type.as_str(),
            "capabilities": self.options.capabilities,
            "model": self.options.model,
            "region": self.options.region,
            "labels": self.options.labels,
            "capacity": self.options.capacity,
            "heartbeat_seconds": self.options.heartbeat.as_secs(),
        });
        if let Some(manifest) = &self.options.manifest {
            asked["manifest"] = json!(manifest);
        }
        // Twice is two epochs of the same instance, and the later one is what it goes by.
        let agent = self
            .mesh
            .once("agent.register", asked, true)
            .await
            .map_err(lasting)?;
        let identity = identity(&agent).ok_or(None)?;
        tracing::info!(
            agent = identity.id,
            name = self.options.name,
            epoch = identity.epoch,
            "registered"
        );
        self.identity.send_replace(Some(identity.clone()));
        self.watcher.tell(Standing::Registered {
            id: identity.id.clone(),
            epoch: identity.epoch,
        });
        Ok(identity)
    }

    /// What the agent holds by the mesh's knowledge: what was told while there was no connection was missed.
    async fn look(&self, identity: &Identity) -> Result<(), Option<Error>> {
        let asked = Instant::now();
        let held = self
            .mesh
            .once("agent.tasks", json!({ "agent_id": identity.id }), true)
            .await;
        let held = Held::deserialize(held.map_err(lasting)?).map_err(|error| {
            tracing::error!(%error, "what the mesh says of this agent's tasks cannot be read");
            None
        })?;
        for task in held.offered {
            let _ = self.orders.send(Order::Take(task));
        }
        let working = held
            .working
            .into_iter()
            .map(|task| (task.id, task.fence))
            .collect();
        let _ = self.orders.send(Order::Only { working, asked });
        Ok(())
    }

    /// Its tasks are others' by now.
    fn lost(&self) {
        self.identity.send_replace(None);
        let _ = self.orders.send(Order::Only {
            working: Vec::new(),
            asked: Instant::now(),
        });
    }
}

fn identity(agent: &Value) -> Option<Identity> {
    Some(Identity {
        id: agent["id"].as_str()?.to_owned(),
        epoch: agent["epoch"].as_u64()?,
    })
}

/// Whether the mesh has given the agent up.
fn is_offline(refused: &Refused) -> bool {
    refused.is_conflict() && refused.message.contains("register again")
}

/// The errors that the next heartbeat will not mend.
fn lasting(error: Error) -> Option<Error> {
    match error {
        Error::Refused(refused) if refused.is_passing() => None,
        Error::Refused(refused) if refused.message.contains("another instance") => Some(Error::Replaced),
        Error::InDoubt | Error::TimedOut(_) => None,
        error => Some(error),
    }
}
