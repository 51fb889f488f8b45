//! Asks for a task.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use control::tasks::NewTask;
use domain::TaskId;
use domain::task::Needs;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{DelegationName, StrategyName, TaskView, automatic};
use crate::http::answer::created;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::JsonBody;
use crate::http::routes::agents::{AgentTypeName, capabilities};
use crate::http::routes::jobs::PriorityName;
use crate::http::{Http, idempotency};

/// What a task asks of an agent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NeedsRequest {
    /// What it must be able to do: `NAME`, or `NAME@1.2` for that version or a later one.
    #[schema(max_items = 32)]
    pub capabilities: Vec<String>,
    /// What would be good for it to be able to do, written in the same way.
    #[schema(max_items = 32)]
    pub wishes: Vec<String>,
    /// The type that it must be.
    #[serde(rename = "type")]
    pub agent_type: Option<AgentTypeName>,
    /// Where it must run.
    #[schema(max_length = 128)]
    pub region: Option<String>,
    /// Labels that it must have.
    pub labels: BTreeMap<String, String>,
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// What sort of work it is, for example `code_review`: agents are judged by it.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9._-]+$")]
    pub kind: String,
    /// For a person, in a line.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub title: String,
    /// What the agent is given.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub input: serde_json::Map<String, Value>,
    /// What it asks of an agent.
    #[serde(default)]
    pub needs: NeedsRequest,
    /// How urgent it is.
    #[serde(default = "normal")]
    pub priority: PriorityName,
    /// How an agent is chosen.
    #[serde(default = "auto")]
    pub strategy: StrategyName,
    /// Who decides which agent it is.
    #[serde(default = "automatic")]
    pub delegation: DelegationName,
    /// The agent that is named, for `manual` and `failover`: its id or its name.
    #[serde(default)]
    pub agent: Option<String>,
    /// Tokens that it probably takes, for its price.
    #[serde(default)]
    pub expected_tokens: u64,
    /// The most that it may cost: agents whose model would cost more are left out.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub budget_usd: Option<f64>,
    /// When it is over, in seconds from now; `tasks.deadline` when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub deadline_seconds: Option<u32>,
    /// How long an agent may think about it; `tasks.accept` when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86_400)]
    pub accept_seconds: Option<u32>,
    /// How long an agent that has accepted it may be silent about it; `tasks.silence` when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub silence_seconds: Option<u32>,
    /// How often it may be tried; `tasks.max_attempts` when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub max_attempts: Option<u32>,
    /// The task that it is a part of.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub parent_id: Option<TaskId>,
    /// Another tenant of the organization, whose agents are to do it and whose border must be open to tasks; the caller's own
    /// when absent.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub tenant_id: Option<domain::TenantId>,
}

fn normal() -> PriorityName {
    PriorityName::Normal
}

fn auto() -> StrategyName {
    StrategyName::Auto
}

impl TaskRequest {
    /// As the verb wants it.
    ///
    /// # Errors
    /// When a capability is none.
    pub fn read(self, idempotency_key: Option<String>) -> Result<NewTask, Problem> {
        let needs = Needs {
            capabilities: capabilities("needs.capabilities", &self.needs.capabilities)?,
            wishes: capabilities("needs.wishes", &self.needs.wishes)?,
            agent_type: self.needs.agent_type.map(Into::into),
            region: self.needs.region,
            labels: self.needs.labels,
        };
        Ok(NewTask {
            kind: self.kind,
            title: self.title,
            input: Value::Object(self.input),
            needs,
            priority: self.priority.into(),
            strategy: self.strategy.into(),
            delegation: self.delegation.into(),
            agent: self.agent,
            expected_tokens: self.expected_tokens,
            budget_usd: self.budget_usd,
            deadline_seconds: self.deadline_seconds,
            accept_seconds: self.accept_seconds,
            silence_seconds: self.silence_seconds,
            max_attempts: self.max_attempts,
            parent_id: self.parent_id,
            tenant: self.tenant_id,
            idempotency_key,
            trace: telemetry::propagation::current_context(),
        })
    }
}

/// Creates a task, and gives it to an agent at once where one can take it. With `Idempotency-Key`, repeating the request
/// names the same task.
#[utoipa::path(post, path = "/api/v1/tasks", operation_id = "create_task", tag = "tasks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request harmless",
        min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$")),
    request_body = TaskRequest,
    responses((status = 201, description = "The task", body = TaskView), Problems))]
pub async fn create(
    State(http): State<Http>,
    Caller(caller): Caller,
    headers: http::HeaderMap,
    JsonBody(body): JsonBody<TaskRequest>,
) -> Result<Response, Problem> {
    let new = body.read(idempotency::key(&headers)?)?;
    let (task, was_there) = http.mesh.create(&caller, new).await?;
    let location = format!("/api/v1/tasks/{}", task.id);
    Ok(created(&location, TaskView::from(task), was_there))
}
