//! Agents over WebSocket: what they ask of the control plane (`agent.*`, `task.*`), and what it tells them. A replica holds
//! an agent from its registration or a heartbeat over one of its connections until that connection is gone.

mod methods;
mod subscriptions;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::{AgentId, TenantId};
use frames::Class;
use rmcp::ErrorData;
use rmcp::model::JsonObject;
use serde_json::{Value, json};
use tokio::sync::watch as signal;
use tonic::{Code, Status};

use crate::control_plane::ControlPlane;
use crate::engine::refusal;
use crate::methods::{MethodCall, Watcher};
use crate::ws::Connection;

pub use methods::{infos, table};
pub use subscriptions::Subscriptions;
pub use watch::run;

/// The longest wait that a method takes, in seconds.
const MAX_WAIT: u64 = 60;

type Held = HashMap<(TenantId, AgentId), Reached>;

/// How an agent is reached.
#[derive(Clone)]
struct Reached {
    connection: Connection,
    /// When it was last heard over it, in the control plane's words.
    heard_at: Value,
}

/// The agents that this replica holds.
pub struct Agents {
    control_plane: Arc<dyn ControlPlane>,
    held: Mutex<Held>,
    changed: signal::Sender<u64>,
}

impl Agents {
    /// It holds none yet.
    #[must_use]
    pub fn new(control_plane: Arc<dyn ControlPlane>) -> Self {
        Self {
            control_plane,
            held: Mutex::default(),
            changed: signal::Sender::new(0),
        }
    }

    /// Asks the control plane, on behalf of whoever is connected.
    async fn ask(
        self: Arc<Self>,
        method: &'static str,
        call: MethodCall,
        params: JsonObject,
    ) -> Result<Value, ErrorData> {
        let principal = Arc::clone(&call.caller.principal);
        let wait = params.get("wait_seconds").and_then(Value::as_u64);
        let wait = Duration::from_secs(wait.unwrap_or(0).min(MAX_WAIT));
        let asked = self
            .control_plane
            .mesh(principal.tenant_id, principal.key_id, method, params, wait);
        let answer = call.cancel.run_until_cancelled(asked).await;
        let answer = answer.unwrap_or_else(|| Err(Status::cancelled("cancelled")));
        let result = answer.map_err(|status| refused(&status))?;
        match method {
            "agent.register" | "agent.heartbeat" => self.hold(principal.tenant_id, &result, &call.connection),
            "agent.leave" => self.let_go(principal.tenant_id, &result),
            _ => {}
        }
        Ok(result)
    }

    fn hold(&self, tenant: TenantId, agent: &Value, connection: &Connection) {
        let Some(id) = agent["id"].as_str().and_then(|id| id.parse().ok()) else {
            return;
        };
        connection.is_agent(agent["type"].as_str().unwrap_or_default());
        let mut held = self.held();
        let reached = Reached {
            connection: connection.clone(),
            heard_at: agent["heard_at"].clone(),
        };
        let known = held.insert((tenant, id), reached);
        if known.is_none_or(|known| known.connection.id() != connection.id()) {
            self.changed.send_modify(|count| *count += 1);
        }
    }

    fn let_go(&self, tenant: TenantId, agent: &Value) {
        if let Some(id) = agent["id"].as_str().and_then(|id| id.parse().ok())
            && self.held().remove(&(tenant, id)).is_some()
        {
            self.changed.send_modify(|count| *count += 1);
        }
    }

    /// Tells an agent what happened to a task of its, or what somebody says to it.
    async fn tell(&self, agent: (TenantId, AgentId), method: &str, noun: &str, thing: Value) {
        let reached = self.held().get(&agent).cloned();
        if let Some(Reached { connection, .. }) = reached {
            let params = json!({ "agent_id": agent.1, noun: thing });
            connection.notify(method, params, Class::MustDeliver).await;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Watcher for Agents {
    /// Its agents are missed when they are not heard elsewhere, soon.
    async fn closed(&self, connection: &Connection) {
        let gone: Vec<_> = {
            let mut held = self.held();
            let of_it =
                |_: &(TenantId, AgentId), reached: &mut Reached| reached.connection.id() == connection.id();
            held.extract_if(of_it).collect()
        };
        if gone.is_empty() {
            return;
        }
        self.changed.send_modify(|count| *count += 1);
        for ((tenant, agent), reached) in gone {
            let key = connection.principal().key_id;
            let params = json!({ "agent_id": agent, "heard_at": reached.heard_at });
            let Value::Object(params) = params else { continue };
            let said = self
                .control_plane
                .mesh(tenant, key, "agent.cut_off", params, Duration::ZERO);
            if let Err(error) = said.await {
                tracing::debug!(%error, "that an agent's connection broke is not known: its heartbeat will be missed");
            }
        }
    }
}

/// The control plane's refusal in JSON-RPC's words. `data.status` is one of a closed set of words.
fn refused(status: &Status) -> ErrorData {
    let message = status.message().to_owned();
    let data = |word: &str| Some(json!({ "status": word }));
    match status.code() {
        Code::InvalidArgument => ErrorData::invalid_params(message, None),
        Code::NotFound => ErrorData::resource_not_found(message, data("not_found")),
        Code::PermissionDenied | Code::Unauthenticated => {
            ErrorData::new(refusal::FORBIDDEN, message, data("forbidden"))
        }
        Code::FailedPrecondition => ErrorData::invalid_request(message, data("conflict")),
        // Others were quicker, again and again: nothing was decided.
        Code::Aborted => {
            ErrorData::internal_error("too many changes at once: try again", data("unavailable"))
        }
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
            let text = "the control plane cannot be reached just now: try again";
            ErrorData::internal_error(text, data("unavailable"))
        }
        _ => ErrorData::internal_error("internal error", data("internal")),
    }
}
