//! Assignments: tasks that are given to somebody by name.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use control::assignments::NewAssignment;
use domain::assignment::{Assignment, Recipient};
use domain::{AssignmentId, Task, TaskId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::jobs::PriorityName;
use super::tasks::TaskStateName;
use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query};

/// A task that was given to somebody by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssignmentView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: AssignmentId,
    /// What is to be done, in a line.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// How urgent it is.
    pub priority: PriorityName,
    /// The name of whom it was given to.
    pub assignee: String,
    /// Whether that is a `user` or an `agent`.
    pub assignee_type: &'static str,
    /// Where it stands: `pending` until the assignee is told, then `assigned`; for an agent as its task does.
    pub state: TaskStateName,
    /// As which task an agent does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub task_id: Option<TaskId>,
    /// Who gave it.
    pub creator: String,
    /// When it was given.
    pub created_at: DateTime<Utc>,
    /// When the assignee was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<DateTime<Utc>>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_at: Option<DateTime<Utc>>,
}

impl From<(Assignment, Option<Task>)> for AssignmentView {
    fn from((assignment, task): (Assignment, Option<Task>)) -> Self {
        use domain::task::TaskState::{Assigned, Completed, Pending};
        let own = match (assignment.done_at, assignment.notified_at) {
            (Some(_), _) => Completed,
            (None, Some(_)) => Assigned,
            (None, None) => Pending,
        };
        let finished = |task: &Task| task.finished_at.filter(|_| task.state == Completed);
        let done_at = match assignment.recipient {
            Recipient::User(_) => assignment.done_at,
            Recipient::Agent(_) => task.as_ref().and_then(finished),
        };
        Self {
            id: assignment.id,
            title: assignment.title,
            description: assignment.description,
            priority: assignment.priority.into(),
            assignee: assignment.assignee,
            assignee_type: assignment.recipient.kind(),
            state: task.map_or(own, |task| task.state).into(),
            task_id: assignment.task_id,
            creator: assignment.creator,
            created_at: assignment.created_at,
            notified_at: assignment.notified_at,
            done_at,
        }
    }
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignmentRequest {
    /// What is to be done, in a line.
    #[schema(min_length = 1, max_length = 500)]
    pub title: String,
    /// What is to be done.
    #[serde(default)]
    #[schema(max_length = 16384)]
    pub description: String,
    /// The name of a user or of an agent; where both have it, the user's.
    #[schema(min_length = 1, max_length = 100)]
    pub assignee: String,
    /// How urgent it is.
    #[serde(default = "normal")]
    pub priority: PriorityName,
}

fn normal() -> PriorityName {
    PriorityName::Normal
}

/// Which assignments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AssignmentQuery {
    /// Only those of the user or agent of this name.
    assignee: Option<String>,
}

/// Gives somebody a task. A job tells them: an agent gets it as a task of type `assignment`, over its connection.
/// Also as `POST /v1/assignments`.
#[utoipa::path(post, path = "/api/v1/assignments", operation_id = "create_assignment", tag = "assignments",
    request_body = AssignmentRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated call harmless",
            min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$")),
    responses((status = 201, description = "The assignment", body = AssignmentView), Problems))]
pub async fn create(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<AssignmentRequest>,
) -> Result<(StatusCode, Json<AssignmentView>), Problem> {
    let new = NewAssignment {
        title: body.title,
        description: body.description,
        assignee: body.assignee,
        priority: body.priority.into(),
        trace: telemetry::propagation::current_context(),
    };
    let given = http.mesh.assign(&caller, new).await?;
    Ok((StatusCode::CREATED, Json((given, None).into())))
}

/// The tenant's assignments, newest first. Also as `GET /v1/assignments`.
#[utoipa::path(get, path = "/api/v1/assignments", operation_id = "list_assignments", tag = "assignments",
    params(AssignmentQuery, PageQuery),
    responses((status = 200, description = "A page of assignments", body = PageView<AssignmentView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(which): Query<AssignmentQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<AssignmentView>>, Problem> {
    let listed = http
        .control
        .list_assignments(&caller, which.assignee.as_deref(), page.page()?);
    Ok(PageView::of(listed.await?, Into::into))
}

/// One assignment. Also as `GET /v1/assignments/{id}`.
#[utoipa::path(get, path = "/api/v1/assignments/{id}", operation_id = "get_assignment", tag = "assignments",
    params(("id" = uuid::Uuid, Path, description = "The assignment")),
    responses((status = 200, description = "The assignment", body = AssignmentView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AssignmentId>,
) -> Result<Json<AssignmentView>, Problem> {
    Ok(Json(http.control.get_assignment(&caller, id).await?.into()))
}

/// Says that what a user was given is done.
#[utoipa::path(post, path = "/api/v1/assignments/{id}/complete", operation_id = "complete_assignment",
    tag = "assignments",
    params(("id" = uuid::Uuid, Path, description = "The assignment")),
    responses((status = 200, description = "The assignment", body = AssignmentView), Problems))]
pub async fn complete(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AssignmentId>,
) -> Result<Json<AssignmentView>, Problem> {
    let done = http.mesh.finish_assignment(&caller, id).await?;
    Ok(Json((done, None).into()))
}

/// Takes an assignment back; the task that an agent has for it is called off. Also as `DELETE /v1/assignments/{id}`.
#[utoipa::path(delete, path = "/api/v1/assignments/{id}", operation_id = "delete_assignment", tag = "assignments",
    params(("id" = uuid::Uuid, Path, description = "The assignment")),
    responses((status = 204, description = "It is gone"), Problems))]
pub async fn remove(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AssignmentId>,
) -> Result<StatusCode, Problem> {
    http.mesh.remove_assignment(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
