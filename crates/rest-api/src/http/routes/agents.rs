//! Agents: they register and are heard here; people and agents look for them.

mod view;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::AgentId;
use domain::agent::{Capability, Heartbeat};
use domain::ports::storage::AgentFilter;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

pub(crate) use view::capabilities;
pub use view::{AgentHealthName, AgentStateName, AgentTypeName, AgentView, AgentsFound, RegisterRequest};

use super::tasks::TaskView;
use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query, WaitQuery};

/// Which agents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgentQuery {
    /// Only in this state.
    state: Option<AgentStateName>,
    /// Only of this type.
    #[serde(rename = "type")]
    agent_type: Option<AgentTypeName>,
    /// Without those that are offline.
    #[serde(default)]
    present: bool,
}

/// The tenant's agents, the last registered first.
#[utoipa::path(get, path = "/api/v1/agents", operation_id = "list_agents", tag = "agents",
    params(AgentQuery, PageQuery),
    responses((status = 200, description = "A page of agents", body = PageView<AgentView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(which): Query<AgentQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<AgentView>>, Problem> {
    let filter = AgentFilter {
        state: which.state.map(Into::into),
        agent_type: which.agent_type.map(Into::into),
        present: which.present,
    };
    let agents = http
        .mesh
        .control
        .list_agents(&caller, &filter, page.page()?)
        .await?;
    Ok(PageView::of(agents, Into::into))
}

/// Registers an agent: a new one, or the next instance of one that is known, which then loses its tasks. It is given tasks
/// from its first heartbeat on.
#[utoipa::path(post, path = "/api/v1/agents", operation_id = "register_agent", tag = "agents",
    request_body = RegisterRequest,
    responses((status = 201, description = "The agent", body = AgentView), Problems))]
pub async fn register(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<RegisterRequest>,
) -> Result<(StatusCode, Json<AgentView>), Problem> {
    let agent = http.mesh.register(&caller, body.read()?).await?;
    Ok((StatusCode::CREATED, Json(agent.into())))
}

/// What is looked for.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DiscoverQuery {
    /// It can do this: `NAME`, or `NAME@1.2` for that version or a later one.
    pub(crate) capability: Option<String>,
    /// It is of this type.
    #[serde(rename = "type")]
    pub(crate) agent_type: Option<AgentTypeName>,
    /// It runs here.
    pub(crate) region: Option<String>,
    /// It has this label, `NAME=VALUE`.
    pub(crate) label: Option<String>,
    /// It is of this tenant of the organization, whose border must be open; the caller's own when absent.
    #[param(value_type = Option<uuid::Uuid>)]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub(crate) tenant_id: Option<domain::TenantId>,
}

impl DiscoverQuery {
    /// As the verb wants it.
    pub fn read(self) -> Result<control::agents::Wanted, Problem> {
        let bad = |field: &str, expected: &str| Problem::field(StatusCode::BAD_REQUEST, field, expected);
        let capability: Option<Capability> = match self.capability {
            Some(text) => Some(
                text.parse()
                    .map_err(|_| bad("capability", "`NAME` or `NAME@1.2`"))?,
            ),
            None => None,
        };
        let mut labels = std::collections::BTreeMap::new();
        if let Some(label) = self.label {
            let (name, value) = label
                .split_once('=')
                .ok_or_else(|| bad("label", "`NAME=VALUE`"))?;
            labels.insert(name.to_owned(), value.to_owned());
        }
        Ok(control::agents::Wanted {
            capability,
            agent_type: self.agent_type.map(Into::into),
            region: self.region,
            labels,
            tenant: self.tenant_id,
        })
    }
}

/// The agents that are here and fit, the least busy first, at most 200.
#[utoipa::path(get, path = "/api/v1/agents/discover", operation_id = "discover_agents", tag = "agents",
    params(DiscoverQuery),
    responses((status = 200, description = "Who fits", body = AgentsFound), Problems))]
pub async fn discover(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(query): Query<DiscoverQuery>,
) -> Result<Json<AgentsFound>, Problem> {
    let found = http.mesh.discover(&caller, &query.read()?).await?;
    Ok(Json(found.into()))
}

/// One agent.
#[utoipa::path(get, path = "/api/v1/agents/{id}", operation_id = "get_agent", tag = "agents",
    params(("id" = uuid::Uuid, Path, description = "The agent")),
    responses((status = 200, description = "The agent", body = AgentView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AgentId>,
) -> Result<Json<AgentView>, Problem> {
    Ok(Json(http.mesh.control.get_agent(&caller, id).await?.into()))
}

/// Sends an agent away at once; what it holds goes to others.
#[utoipa::path(delete, path = "/api/v1/agents/{id}", operation_id = "remove_agent", tag = "agents",
    params(("id" = uuid::Uuid, Path, description = "The agent")),
    responses((status = 200, description = "The agent, offline", body = AgentView), Problems))]
pub async fn remove(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AgentId>,
) -> Result<Json<AgentView>, Problem> {
    Ok(Json(http.mesh.remove(&caller, id).await?.into()))
}

/// What an agent says regularly.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// Number of the registration, as its answer said.
    pub epoch: u64,
    /// How busy it is.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    pub workload: f64,
    /// How it is.
    #[serde(default = "healthy")]
    pub health: AgentHealthName,
}

fn healthy() -> AgentHealthName {
    AgentHealthName::Healthy
}

/// Takes in a heartbeat. An agent whose answer says `draining` finishes what it has and leaves.
#[utoipa::path(post, path = "/api/v1/agents/{id}/heartbeat", operation_id = "hear_agent", tag = "agents",
    params(("id" = uuid::Uuid, Path, description = "The agent")), request_body = HeartbeatRequest,
    responses((status = 200, description = "The agent", body = AgentView), Problems))]
pub async fn heartbeat(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AgentId>,
    JsonBody(body): JsonBody<HeartbeatRequest>,
) -> Result<Json<AgentView>, Problem> {
    let said = Heartbeat {
        workload: body.workload,
        health: body.health.into(),
    };
    Ok(Json(http.mesh.hear(&caller, id, body.epoch, said).await?.into()))
}

/// Which instance says good-bye.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveRequest {
    /// Number of the registration, as its answer said.
    pub epoch: u64,
}

/// The agent says good-bye; what it still holds goes to others.
#[utoipa::path(post, path = "/api/v1/agents/{id}/leave", operation_id = "leave_agent", tag = "agents",
    params(("id" = uuid::Uuid, Path, description = "The agent")), request_body = LeaveRequest,
    responses((status = 200, description = "The agent, offline", body = AgentView), Problems))]
pub async fn leave(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AgentId>,
    JsonBody(body): JsonBody<LeaveRequest>,
) -> Result<Json<AgentView>, Problem> {
    Ok(Json(http.mesh.leave(&caller, id, body.epoch).await?.into()))
}

/// The agent is to finish what it has; it is given nothing more.
#[utoipa::path(post, path = "/api/v1/agents/{id}/drain", operation_id = "drain_agent", tag = "agents",
    params(("id" = uuid::Uuid, Path, description = "The agent")),
    responses((status = 200, description = "The agent", body = AgentView), Problems))]
pub async fn drain(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AgentId>,
) -> Result<Json<AgentView>, Problem> {
    Ok(Json(http.mesh.control.drain_agent(&caller, id).await?.into()))
}

/// What an agent holds.
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct OffersView {
    /// The tasks that it was given and has not answered, the most urgent first.
    pub offered: Vec<TaskView>,
    /// Those that it has accepted.
    pub working: Vec<TaskView>,
}

impl From<control::tasks::Offers> for OffersView {
    fn from(offers: control::tasks::Offers) -> Self {
        Self {
            offered: offers.offered.into_iter().map(Into::into).collect(),
            working: offers.working.into_iter().map(Into::into).collect(),
        }
    }
}

/// What the agent is given; waits for a task when asked to.
#[utoipa::path(get, path = "/api/v1/agents/{id}/tasks", operation_id = "agent_tasks", tag = "agents",
    params(("id" = uuid::Uuid, Path, description = "The agent"), WaitQuery),
    responses((status = 200, description = "Its tasks", body = OffersView), Problems))]
pub async fn tasks(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AgentId>,
    Query(query): Query<WaitQuery>,
) -> Result<Json<OffersView>, Problem> {
    let wait = query.wait()?;
    let offers = http.mesh.control.agent_offers(&caller, id, wait).await?;
    Ok(Json(offers.into()))
}
