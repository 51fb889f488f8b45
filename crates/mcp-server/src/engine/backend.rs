//! What stands behind the engine: a source of tools and of everything else that MCP can answer.
//!
//! Two implementations: [`super::mesh::Mesh`], and the fixtures of the official conformance suite in
//! `examples/conformance.rs`, so that what the suite proves is this engine and its transport.

use std::sync::Arc;

use async_trait::async_trait;
use connectors::AskError;
use domain::{CallErrorKind, JobId};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, DetailedTask,
    GetPromptResult, InputResponses, JsonObject, Prompt, ReadResourceResult, Resource, ResourceTemplate,
    ServerConfig, Tool,
};
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::dialogue::Dialogue;
use super::method::Method;
use super::refusal;

/// One `tools/call`, after authentication and scope check.
pub struct ToolCall<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The way back to the caller: progress, logs, questions.
    pub dialogue: &'a Arc<Dialogue>,
    /// The tool's name as it was sent.
    pub name: &'a str,
    /// The arguments; empty when none were sent.
    pub arguments: JsonObject,
    /// Whether the caller asked for this call to run as a task.
    pub task_asked: bool,
    /// Cancelled when the caller gives up, its stream closes (2026-07-28), its key is gone, or we stop.
    pub cancel: CancellationToken,
}

/// How a tool call ended, and what metrics and audit need to know of it.
pub struct Answer {
    /// What the caller is answered.
    pub response: CallToolResponse,
    /// The provider that ran it.
    pub provider: Option<String>,
    /// Why it failed, if it did.
    pub error: Option<CallErrorKind>,
    /// Bytes of the answer.
    pub response_bytes: u64,
    /// The job that runs it, when it became one.
    pub job_id: Option<JobId>,
}

impl Answer {
    /// An answer of the caller's own making, without provider or sizes.
    #[must_use]
    pub fn of(response: impl Into<CallToolResponse>) -> Self {
        let response = response.into();
        let error = match &response {
            CallToolResponse::Complete(result) if result.is_error == Some(true) => {
                Some(CallErrorKind::UpstreamRejected)
            }
            _ => None,
        };
        Self {
            response,
            provider: None,
            error,
            response_bytes: 0,
            job_id: None,
        }
    }
}

/// Why a call was not run at all.
pub enum Refusal {
    /// No such tool for this caller.
    UnknownTool,
    /// Any other JSON-RPC error.
    Rpc(ErrorData),
}

impl From<AskError> for Refusal {
    /// What is pending is answered with the open questions; the error itself is never seen.
    fn from(error: AskError) -> Self {
        Self::Rpc(refusal::unasked(&error))
    }
}

impl From<ErrorData> for Refusal {
    fn from(error: ErrorData) -> Self {
        Self::Rpc(error)
    }
}

/// A source of tools, and of whatever else it declares in [`Backend::info`]. Lists are sorted by name, because the
/// engine answers them in that order and pages through them by name.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Capabilities, name and instructions, the same for every caller.
    fn info(&self) -> ServerConfig;

    /// The tools that the caller sees, sorted by name.
    fn tools(&self, caller: &Caller) -> Arc<[Tool]>;

    /// Whether the caller has a tool of this name.
    fn has_tool(&self, caller: &Caller, name: &str) -> bool {
        self.tool(caller, name).is_some()
    }

    /// One of them.
    fn tool(&self, caller: &Caller, name: &str) -> Option<Tool> {
        let tools = self.tools(caller);
        let index = tools.binary_search_by(|tool| tool.name.as_ref().cmp(name)).ok()?;
        tools.get(index).cloned()
    }

    /// The call that is meant by a request, where one tool calls another. Everything after it (scope, metrics, audit)
    /// is about the call that is meant.
    fn meant(&self, _caller: &Caller, request: CallToolRequestParams) -> CallToolRequestParams {
        request
    }

    /// The method that the caller must be allowed for a call of this tool.
    fn amounts_to(&self, _caller: &Caller, _name: &str) -> Method {
        Method::CallTool
    }

    /// Runs a call. A failure that a model may mend or report is an answer, not an error.
    async fn call_tool(&self, call: ToolCall<'_>) -> Result<Answer, Refusal>;

    /// The state of a task that the caller started.
    async fn task(&self, _caller: &Caller, id: &str) -> Result<DetailedTask, ErrorData> {
        Err(refusal::unknown_task(id))
    }

    /// Hands a task the answers to its questions; keys that it did not ask for are ignored.
    async fn update_task(
        &self,
        _caller: &Caller,
        id: &str,
        _answers: InputResponses,
    ) -> Result<(), ErrorData> {
        Err(refusal::unknown_task(id))
    }

    /// Asks a task to stop. It may still end otherwise.
    async fn cancel_task(&self, _caller: &Caller, id: &str) -> Result<(), ErrorData> {
        Err(refusal::unknown_task(id))
    }

    /// The prompts, sorted by name.
    fn prompts(&self, _caller: &Caller) -> Arc<[Prompt]> {
        Arc::new([])
    }

    /// One prompt, filled in. What it leaves unasked of `dialogue` becomes `input_required`.
    async fn prompt(
        &self,
        _caller: &Caller,
        name: &str,
        _arguments: JsonObject,
        _dialogue: &Dialogue,
    ) -> Result<GetPromptResult, ErrorData> {
        Err(ErrorData::invalid_params(format!("Unknown prompt: {name}"), None))
    }

    /// The resources, sorted by address.
    fn resources(&self, _caller: &Caller) -> Arc<[Resource]> {
        Arc::new([])
    }

    /// The templates of resources, sorted by template.
    fn resource_templates(&self, _caller: &Caller) -> Arc<[ResourceTemplate]> {
        Arc::new([])
    }

    /// One resource's contents.
    async fn read_resource(&self, _caller: &Caller, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        let data = serde_json::json!({ "uri": uri });
        Err(ErrorData::resource_not_found(
            format!("Resource not found: {uri}"),
            Some(data),
        ))
    }

    /// Proposals for an argument.
    async fn complete(
        &self,
        _caller: &Caller,
        _request: CompleteRequestParams,
    ) -> Result<CompleteResult, ErrorData> {
        Ok(CompleteResult::default())
    }
}
