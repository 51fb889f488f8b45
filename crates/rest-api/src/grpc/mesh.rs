//! Agents and tasks on behalf of who is connected at the edge: one table of methods, each the same as its HTTP twin.

mod follow;
mod watch;

use std::time::Duration;

use control::ControlError;
use domain::{AgentId, KeyId, MessageId, Principal, TaskId, TenantId};
use futures::stream::BoxStream;
use proto::v1::mesh_service_server::MeshService;
use proto::v1::{
    FollowRequest, FollowResponse, MeshCallRequest, MeshCallResponse, WatchAgentsRequest, WatchAgentsResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tonic::{Request, Response, Status, Streaming};

use super::Grpc;
use super::parse::{id, json, status, to_json};
use crate::http::problem::Problem;
use crate::http::routes::agents::{
    AgentView, AgentsFound, DiscoverQuery, HeartbeatRequest, LeaveRequest, OffersView, RegisterRequest,
};
use crate::http::routes::events::InterestRequest;
use crate::http::routes::messages::{AcknowledgeRequest, InboxView, MessageRequest, MessageView};
use crate::http::routes::tasks::{
    AcceptRequest, CancelRequest, CancelledTasks, CompleteRequest, DecisionsView, DelegateRequest,
    ExplainedTask, FailRequest, ProgressRequest, RejectRequest, TaskQuery, TaskRequest, TaskView,
};
use crate::mesh::Mesh;

type Params = Map<String, Value>;

#[tonic::async_trait]
impl MeshService for Grpc {
    async fn call(&self, request: Request<MeshCallRequest>) -> Result<Response<MeshCallResponse>, Status> {
        let asked = request.into_inner();
        let (tenant, key) = (id("tenant_id", &asked.tenant_id)?, id("key_id", &asked.key_id)?);
        let caller = self.caller(tenant, key).await?;
        let params: Params = json("params_json", &asked.params_json)?;
        let result = call(&self.mesh, &caller, &asked.method, params).await?;
        let result_json = to_json(&result)?;
        Ok(Response::new(MeshCallResponse { result_json }))
    }

    type WatchStream = BoxStream<'static, Result<WatchAgentsResponse, Status>>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchAgentsRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let events = watch::events(self.control.clone(), request.into_inner(), self.stop.clone());
        Ok(Response::new(events))
    }

    type FollowStream = BoxStream<'static, Result<FollowResponse, Status>>;

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let asked = request.into_inner();
        let (tenant, key) = (id("tenant_id", &asked.tenant_id)?, id("key_id", &asked.key_id)?);
        let caller = self.caller(tenant, key).await?;
        let interest = read::<InterestRequest>(json("interest_json", &asked.interest_json)?)?.read();
        let follower = self.control.follow(&caller, interest, asked.after).await;
        let told = follow::told(follower.map_err(status)?, self.stop.clone());
        Ok(Response::new(told))
    }
}

impl Grpc {
    /// Who acts. The edge has authenticated the key; what it may do now is decided here.
    async fn caller(&self, tenant: TenantId, key: KeyId) -> Result<Principal, Status> {
        let key = self.control.storage.keys.get(tenant, key).await;
        let key = key.map_err(|error| status(ControlError::from(error)))?;
        let now = self.control.clock.now();
        let over = |at: Option<chrono::DateTime<chrono::Utc>>| at.is_some_and(|at| at <= now);
        if over(key.revoked_at) || over(key.expires_at) {
            return Err(Status::unauthenticated("the key is not valid any more"));
        }
        Ok(key.principal())
    }
}

/// The methods. Their names and what they are for are listed once more where agents reach them, at the edge.
async fn call(mesh: &Mesh, caller: &Principal, method: &str, mut params: Params) -> Result<Value, Status> {
    let control = &mesh.control;
    match method {
        "agent.register" => {
            let new = read::<RegisterRequest>(params)?.read().map_err(refused)?;
            shown(AgentView::from(mesh.register(caller, new).await.map_err(status)?))
        }
        "agent.heartbeat" => {
            let agent = agent_id(&mut params)?;
            let beat: HeartbeatRequest = read(params)?;
            let said = domain::agent::Heartbeat {
                workload: beat.workload,
                health: beat.health.into(),
            };
            let heard = mesh.hear(caller, agent, beat.epoch, said).await;
            shown(AgentView::from(heard.map_err(status)?))
        }
        // Said by the edge alone: it is in no list of methods.
        "agent.cut_off" => cut_off(mesh, caller, params).await,
        "agent.leave" => {
            let agent = agent_id(&mut params)?;
            let LeaveRequest { epoch } = read(params)?;
            shown(AgentView::from(
                mesh.leave(caller, agent, epoch).await.map_err(status)?,
            ))
        }
        "agent.discover" => {
            let wanted = read::<DiscoverQuery>(params)?.read().map_err(refused)?;
            shown(AgentsFound::from(
                mesh.discover(caller, &wanted).await.map_err(status)?,
            ))
        }
        "agent.tasks" => {
            let (agent, wait) = (agent_id(&mut params)?, wait(&mut params)?);
            nothing_else(&params)?;
            let offers = control.agent_offers(caller, agent, wait).await;
            shown(OffersView::from(offers.map_err(status)?))
        }
        "task.create" => {
            let key = taken(&mut params, "idempotency_key")?;
            let new = read::<TaskRequest>(params)?.read(key).map_err(refused)?;
            shown(TaskView::from(mesh.create(caller, new).await.map_err(status)?.0))
        }
        "task.get" => {
            let (task, wait) = (task_id(&mut params)?, wait(&mut params)?);
            let of = taken(&mut params, "tenant_id")?;
            let of = of.map(|of| id("tenant_id", &of)).transpose()?;
            nothing_else(&params)?;
            let got = mesh.task(caller, of, task, wait).await;
            shown(ExplainedTask::from(got.map_err(status)?))
        }
        "task.list" => list(mesh, caller, params).await,
        "task.explain" => {
            let task = task_id(&mut params)?;
            nothing_else(&params)?;
            let (_, decisions) = control.explain_task(caller, task).await.map_err(status)?;
            shown(DecisionsView::from(decisions))
        }
        "task.cancel" => {
            let task = task_id(&mut params)?;
            let CancelRequest { reason } = read(params)?;
            let cancelled = mesh.cancel(caller, task, reason).await.map_err(status)?;
            shown(CancelledTasks::from(cancelled))
        }
        "task.delegate" => {
            let task = task_id(&mut params)?;
            let new = read::<DelegateRequest>(params)?.read();
            shown(TaskView::from(
                mesh.delegate(caller, task, new).await.map_err(status)?,
            ))
        }
        "message.send" | "message.ack" | "message.get" | "message.list" => {
            message(mesh, caller, method, params).await
        }
        _ => answer(mesh, caller, method, params).await,
    }
}

/// The connection of an agent broke.
async fn cut_off(mesh: &Mesh, caller: &Principal, mut params: Params) -> Result<Value, Status> {
    let agent = agent_id(&mut params)?;
    let heard = taken(&mut params, "heard_at")?.unwrap_or_default();
    let heard = heard.parse();
    let heard = heard.map_err(|_| Status::invalid_argument("heard_at: expected an instant"))?;
    let cut_off = mesh.control.cut_off(caller, agent, heard).await;
    shown(AgentView::from(cut_off.map_err(status)?))
}

/// What agents tell each other.
async fn message(mesh: &Mesh, caller: &Principal, method: &str, mut params: Params) -> Result<Value, Status> {
    match method {
        "message.send" => {
            let key = taken(&mut params, "idempotency_key")?;
            let new = read::<MessageRequest>(params)?.read(key).map_err(refused)?;
            let sent = mesh.send(caller, new).await.map_err(status)?;
            shown(MessageView::from(sent.tracked))
        }
        "message.list" => {
            let (agent, wait) = (agent_id(&mut params)?, wait(&mut params)?);
            nothing_else(&params)?;
            let inbox = mesh.inbox(caller, agent, wait).await;
            shown(InboxView::from(inbox.map_err(status)?))
        }
        "message.ack" => {
            let id = message_id(&mut params)?;
            let AcknowledgeRequest { agent_id } = read(params)?;
            let tracked = mesh.acknowledge(caller, agent_id, id).await;
            shown(MessageView::from(tracked.map_err(status)?))
        }
        _ => {
            let id = message_id(&mut params)?;
            nothing_else(&params)?;
            let tracked = mesh.control.get_message(caller, id).await;
            shown(MessageView::from(tracked.map_err(status)?))
        }
    }
}

/// What an agent says of a task.
async fn answer(mesh: &Mesh, caller: &Principal, method: &str, mut params: Params) -> Result<Value, Status> {
    let task = task_id(&mut params);
    let (assignment, said) = match method {
        "task.accept" => read::<AcceptRequest>(params)?.read(),
        "task.reject" => read::<RejectRequest>(params)?.read(),
        "task.progress" => read::<ProgressRequest>(params)?.read(),
        "task.complete" => read::<CompleteRequest>(params)?.read(),
        "task.fail" => read::<FailRequest>(params)?.read(),
        _ => {
            return Err(Status::unimplemented(
                "there is no such method of agents or tasks",
            ));
        }
    };
    let answered = mesh.answer(caller, task?, assignment, said).await;
    shown(TaskView::from(answered.map_err(status)?))
}

async fn list(mesh: &Mesh, caller: &Principal, mut params: Params) -> Result<Value, Status> {
    let limit = match params.remove("limit") {
        None => 50,
        Some(limit) => limit
            .as_u64()
            .and_then(|limit| u32::try_from(limit).ok())
            .filter(|limit| (1..=domain::PageRequest::MAX).contains(limit))
            .ok_or_else(|| Status::invalid_argument("limit: expected 1 to 200"))?,
    };
    let page = domain::PageRequest {
        limit,
        after: taken(&mut params, "cursor")?.map(domain::Cursor),
    };
    // The query of HTTP leaves aside what it does not know.
    let known = |name: &&String| ["state", "type", "assignee", "parent"].contains(&name.as_str());
    if let Some(unknown) = params.keys().find(|name| !known(name)) {
        return Err(Status::invalid_argument(format!("{unknown}: unknown field")));
    }
    let filter = read::<TaskQuery>(params)?.read();
    let tasks = mesh
        .control
        .list_tasks(caller, &filter, page)
        .await
        .map_err(status)?;
    let view = crate::http::answer::PageView::of(tasks, TaskView::from);
    shown(view.0)
}

fn shown(view: impl Serialize) -> Result<Value, Status> {
    serde_json::to_value(view).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Status::internal("internal error")
    })
}

fn read<T: DeserializeOwned>(params: Params) -> Result<T, Status> {
    serde_path_to_error::deserialize(Value::Object(params)).map_err(|error| {
        let field = error.path().to_string();
        Status::invalid_argument(format!("{field}: {}", error.into_inner()))
    })
}

fn nothing_else(params: &Params) -> Result<(), Status> {
    match params.keys().next() {
        None => Ok(()),
        Some(name) => Err(Status::invalid_argument(format!("{name}: unknown field"))),
    }
}

fn taken(params: &mut Params, name: &str) -> Result<Option<String>, Status> {
    match params.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Status::invalid_argument(format!("{name}: expected a text"))),
    }
}

fn agent_id(params: &mut Params) -> Result<AgentId, Status> {
    id("agent_id", &taken(params, "agent_id")?.unwrap_or_default())
}

fn task_id(params: &mut Params) -> Result<TaskId, Status> {
    id("task_id", &taken(params, "task_id")?.unwrap_or_default())
}

fn message_id(params: &mut Params) -> Result<MessageId, Status> {
    id("message_id", &taken(params, "message_id")?.unwrap_or_default())
}

fn wait(params: &mut Params) -> Result<Duration, Status> {
    let seconds = match params.remove("wait_seconds") {
        None => Some(0),
        Some(seconds) => seconds.as_u64(),
    };
    let wait = seconds.and_then(control::jobs::wait);
    wait.ok_or_else(|| Status::invalid_argument("wait_seconds: expected 0 to 60"))
}

fn refused(problem: Problem) -> Status {
    let fields = problem.errors.iter();
    let fields: Vec<_> = fields
        .map(|error| format!("{}: {}", error.field, error.expected))
        .collect();
    Status::invalid_argument(if fields.is_empty() {
        problem.detail
    } else {
        fields.join("; ")
    })
}
