//! Tools.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use control::tools::NewCall;
use domain::{Tool, ToolId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::jobs::{JobView, PriorityName};
use crate::http::Http;
use crate::http::answer::{PageView, accepted};
use crate::http::authenticate::Caller;
use crate::http::idempotency;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query};

/// A tool.
#[derive(Debug, Serialize, ToSchema)]
pub struct ToolView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: ToolId,
    /// The provider that runs it.
    #[schema(value_type = uuid::Uuid)]
    pub provider_id: domain::ProviderId,
    /// Name, as agents call it.
    pub name: String,
    /// Title for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// Groups.
    pub tags: Vec<String>,
    /// Hints about its behaviour.
    pub annotations: AnnotationsView,
    /// JSON Schema of the arguments.
    #[schema(value_type = Object)]
    pub input_schema: Value,
    /// JSON Schema of the structured answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub output_schema: Option<Value>,
}

/// Hints about a tool's behaviour, as in MCP.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "MCP's own shape")]
pub struct AnnotationsView {
    /// It changes nothing.
    pub read_only_hint: bool,
    /// It may destroy or overwrite what is there.
    pub destructive_hint: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent_hint: bool,
    /// It reaches beyond the mesh.
    pub open_world_hint: bool,
}

impl From<Tool> for ToolView {
    fn from(tool: Tool) -> Self {
        Self {
            id: tool.id,
            provider_id: tool.provider_id,
            name: tool.name,
            title: tool.title,
            description: tool.description,
            tags: tool.tags,
            annotations: AnnotationsView {
                read_only_hint: tool.annotations.read_only,
                destructive_hint: tool.annotations.destructive,
                idempotent_hint: tool.annotations.idempotent,
                open_world_hint: tool.annotations.open_world,
            },
            input_schema: tool.input_schema.value(),
            output_schema: tool.output_schema.map(|schema| schema.value()),
        }
    }
}

/// Which tools.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ToolQuery {
    /// Only of this provider.
    provider: Option<String>,
}

/// The tenant's tools, by name.
#[utoipa::path(get, path = "/api/v1/tools", operation_id = "list_tools", tag = "tools", params(ToolQuery, PageQuery),
    responses((status = 200, description = "A page of tools", body = PageView<ToolView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(which): Query<ToolQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<ToolView>>, Problem> {
    let tools = http
        .control
        .list_tools(&caller, which.provider.as_deref(), page.page()?)
        .await?;
    Ok(PageView::of(tools, Into::into))
}

/// One tool.
#[utoipa::path(get, path = "/api/v1/tools/{name}", operation_id = "get_tool", tag = "tools",
    params(("name" = String, Path, description = "The tool")),
    responses((status = 200, description = "The tool", body = ToolView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<Json<ToolView>, Problem> {
    Ok(Json(http.control.get_tool(&caller, &name).await?.into()))
}

/// A call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// The arguments, as the tool's input schema wants them.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub arguments: serde_json::Map<String, Value>,
    /// The job's class.
    #[serde(default = "normal")]
    pub priority: PriorityName,
}

fn normal() -> PriorityName {
    PriorityName::Normal
}

/// How a call is to run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallQuery {
    /// `async`: as a job. Calls that wait for the answer go to mcp-server over MCP.
    #[param(inline)]
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "there is one mode; another one is refused when it is parsed"
    )]
    mode: Mode,
}

/// How a call is to run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As a job.
    #[default]
    Async,
}

/// Calls a tool as a job. With `Idempotency-Key`, repeating the request names the same job.
#[utoipa::path(post, path = "/api/v1/tools/{name}/calls", operation_id = "call_tool", tag = "tools",
    params(
        ("name" = String, Path, description = "The tool"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated call harmless",
            min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$"),
        CallQuery
    ),
    request_body = CallRequest,
    responses((status = 202, description = "The job that runs the call", body = JobView), Problems))]
pub async fn call(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
    Query(_mode): Query<CallQuery>,
    headers: http::HeaderMap,
    JsonBody(body): JsonBody<CallRequest>,
) -> Result<Response, Problem> {
    let idempotency_key = idempotency::key(&headers)?;
    let buckets = http
        .control
        .limits_of_call(&caller, &name, &http.default_limits)
        .await?;
    http.limiter.take(&buckets).await?;
    let call = NewCall {
        tool: name,
        arguments: Value::Object(body.arguments),
        priority: body.priority.into(),
        idempotency_key,
        trace: telemetry::propagation::current_context(),
    };
    let (job, was_there) = http.control.call_tool_as_job(&caller, call).await?;
    let mut response = accepted(job);
    if was_there {
        idempotency::mark_replayed(&mut response);
    }
    Ok(response)
}
