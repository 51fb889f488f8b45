//! Tasks: asked for by people and agents, answered by agents.

mod answers;
mod create;
mod view;

use axum::Json;
use axum::extract::State;
use control::tasks::NewDelegation;
use domain::ports::storage::TaskFilter;
use domain::{AgentId, TaskId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use answers::*;
pub use create::*;
pub use view::{DecisionsView, DelegationName, ExplainedTask, StrategyName, TaskStateName, TaskView};

use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query, WaitQuery};

/// Which tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// Only in this state.
    pub(crate) state: Option<TaskStateName>,
    /// Only of this sort.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Only this agent's.
    #[param(value_type = Option<uuid::Uuid>)]
    pub(crate) assignee: Option<AgentId>,
    /// Only parts of this task.
    #[param(value_type = Option<uuid::Uuid>)]
    pub(crate) parent: Option<TaskId>,
}

impl TaskQuery {
    /// As the verb wants it.
    #[must_use]
    pub fn read(self) -> TaskFilter {
        TaskFilter {
            state: self.state.map(Into::into),
            kind: self.kind,
            assignee: self.assignee,
            parent: self.parent,
        }
    }
}

/// The tenant's tasks, newest first.
#[utoipa::path(get, path = "/api/v1/tasks", operation_id = "list_tasks", tag = "tasks", params(TaskQuery, PageQuery),
    responses((status = 200, description = "A page of tasks", body = PageView<TaskView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(which): Query<TaskQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<TaskView>>, Problem> {
    let tasks = http
        .mesh
        .control
        .list_tasks(&caller, &which.read(), page.page()?)
        .await?;
    Ok(PageView::of(tasks, Into::into))
}

/// Whose task.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfQuery {
    /// The other tenant of the organization that the caller has given the task to.
    #[param(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<domain::TenantId>,
}

/// One task with its history; waits for its end when asked to.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", operation_id = "get_task", tag = "tasks",
    params(("id" = uuid::Uuid, Path, description = "The task"), WaitQuery, OfQuery),
    responses((status = 200, description = "The task", body = ExplainedTask), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<TaskId>,
    Query(query): Query<WaitQuery>,
    Query(of): Query<OfQuery>,
) -> Result<Json<ExplainedTask>, Problem> {
    let wait = query.wait()?;
    Ok(Json(
        http.mesh.task(&caller, of.tenant_id, id, wait).await?.into(),
    ))
}

/// Who was chosen for the task and why, in order.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/decisions", operation_id = "explain_task", tag = "tasks",
    params(("id" = uuid::Uuid, Path, description = "The task")),
    responses((status = 200, description = "The decisions", body = DecisionsView), Problems))]
pub async fn decisions(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<TaskId>,
) -> Result<Json<DecisionsView>, Problem> {
    let (_, decisions) = http.mesh.control.explain_task(&caller, id).await?;
    Ok(Json(decisions.into()))
}

/// Why it is called off.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// For the history.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// What was called off.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelledTasks {
    /// The task and what was open below it, the task itself first.
    pub items: Vec<TaskView>,
}

impl From<Vec<domain::Task>> for CancelledTasks {
    fn from(tasks: Vec<domain::Task>) -> Self {
        Self {
            items: tasks.into_iter().map(Into::into).collect(),
        }
    }
}

/// Calls a task off, with everything that is open below it. An agent that holds it hears of it; what it still answers is
/// refused.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/cancel", operation_id = "cancel_task", tag = "tasks",
    params(("id" = uuid::Uuid, Path, description = "The task")), request_body = CancelRequest,
    responses((status = 200, description = "What was called off", body = CancelledTasks), Problems))]
pub async fn cancel(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<TaskId>,
    JsonBody(body): JsonBody<CancelRequest>,
) -> Result<Json<CancelledTasks>, Problem> {
    Ok(Json(http.mesh.cancel(&caller, id, body.reason).await?.into()))
}

/// Who is to do it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegateRequest {
    /// Who decides which agent it is.
    #[serde(default = "automatic")]
    pub delegation: DelegationName,
    /// The agent that is named, for `manual` and `failover`: its id or its name.
    #[serde(default)]
    pub agent: Option<String>,
}

pub(super) fn automatic() -> DelegationName {
    DelegationName::Automatic
}

impl DelegateRequest {
    /// As the verb wants it.
    #[must_use]
    pub fn read(self) -> NewDelegation {
        NewDelegation {
            delegation: self.delegation.into(),
            agent: self.agent,
        }
    }
}

/// Takes a task from whoever has it and gives it anew.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/delegate", operation_id = "delegate_task", tag = "tasks",
    params(("id" = uuid::Uuid, Path, description = "The task")), request_body = DelegateRequest,
    responses((status = 200, description = "The task", body = TaskView), Problems))]
pub async fn delegate(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<TaskId>,
    JsonBody(body): JsonBody<DelegateRequest>,
) -> Result<Json<TaskView>, Problem> {
    Ok(Json(http.mesh.delegate(&caller, id, body.read()).await?.into()))
}
