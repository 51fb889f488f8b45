//! The backend that the conformance suite expects: its tools, prompts and resources.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still part of the older eras"
)]

use std::sync::Arc;

use async_trait::async_trait;
use mcp_server::engine::{Answer, Backend, Caller, Dialogue, Listeners, Refusal, ToolCall};
use rmcp::ErrorData;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, DetailedTask, GetPromptResult, Implementation,
    InputResponses, JsonObject, Prompt, ReadResourceResult, Resource, ResourceTemplate, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::task_manager::TaskManager;

use crate::{calls, prompts, questions, resources, rounds, tasks, tools};

/// A 1x1 PNG.
pub const IMAGE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
/// A WAV file without samples.
pub const AUDIO: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// The fixtures of the suite.
pub struct Fixture {
    tools: Arc<[Tool]>,
    prompts: Arc<[Prompt]>,
    resources: Arc<[Resource]>,
    templates: Arc<[ResourceTemplate]>,
    /// Shared by all replicas, as rest-api shares a mesh's jobs.
    pub tasks: Arc<TaskManager>,
    pub listeners: Listeners,
}

impl Fixture {
    pub fn new(listeners: Listeners, tasks: Arc<TaskManager>) -> Self {
        Self {
            tools: tools::all().into(),
            prompts: prompts::all().into(),
            resources: resources::all().into(),
            templates: resources::templates().into(),
            tasks,
            listeners,
        }
    }
}

#[async_trait]
impl Backend for Fixture {
    fn info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_logging()
            .enable_completions()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new(
            "devmesh-conformance",
            env!("CARGO_PKG_VERSION"),
        ))
    }

    fn tools(&self, _caller: &Caller) -> Arc<[Tool]> {
        Arc::clone(&self.tools)
    }

    async fn call_tool(&self, call: ToolCall<'_>) -> Result<Answer, Refusal> {
        let name = call.name;
        if name.starts_with("test_input_required_result_") {
            return rounds::call(call).await.map(Answer::of);
        }
        if questions::NAMES.contains(&name) {
            return questions::call(call).await.map(Answer::of);
        }
        if tasks::NAMES.contains(&name) {
            return tasks::call(&self.tasks, call).await;
        }
        calls::call(self, call).await.map(Answer::of)
    }

    async fn task(&self, _caller: &Caller, id: &str) -> Result<DetailedTask, ErrorData> {
        self.tasks.get_task(id)
    }

    async fn update_task(
        &self,
        _caller: &Caller,
        id: &str,
        answers: InputResponses,
    ) -> Result<(), ErrorData> {
        self.tasks.update_task(id, answers)
    }

    async fn cancel_task(&self, _caller: &Caller, id: &str) -> Result<(), ErrorData> {
        self.tasks.cancel_task(id)
    }

    fn prompts(&self, _caller: &Caller) -> Arc<[Prompt]> {
        Arc::clone(&self.prompts)
    }

    async fn prompt(
        &self,
        _caller: &Caller,
        name: &str,
        arguments: JsonObject,
        dialogue: &Dialogue,
    ) -> Result<GetPromptResult, ErrorData> {
        prompts::fill(name, &arguments, dialogue).await
    }

    fn resources(&self, _caller: &Caller) -> Arc<[Resource]> {
        Arc::clone(&self.resources)
    }

    fn resource_templates(&self, _caller: &Caller) -> Arc<[ResourceTemplate]> {
        Arc::clone(&self.templates)
    }

    async fn read_resource(&self, _caller: &Caller, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        resources::read(uri)
    }

    async fn complete(
        &self,
        _caller: &Caller,
        request: CompleteRequestParams,
    ) -> Result<CompleteResult, ErrorData> {
        let proposals = ["test", "testing", "tested"].map(str::to_owned);
        let fitting = proposals
            .into_iter()
            .filter(|value| value.starts_with(&request.argument.value));
        let values = CompletionInfo::with_all_values(fitting.collect());
        values
            .map(CompleteResult::new)
            .map_err(|error| ErrorData::internal_error(error, None))
    }
}
