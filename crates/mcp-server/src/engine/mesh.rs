//! The mesh as a backend: the catalogue's tools, run by the connectors here, or as jobs of the control plane.

mod answers;
mod finder;
mod follow;
mod listing;
mod shelves;
mod task_tools;
mod tasks;

use std::sync::Arc;

use async_trait::async_trait;
use connectors::{CallContext, Connectors, ProgressSink};
use domain::{CallErrorKind, CallOutcome, Provider, Tool as MeshTool};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, DetailedTask, Implementation, InputResponses, ServerCapabilities, ServerConfig,
    Tool,
};
use serde_json::Value;

use super::backend::{Answer, Backend, Refusal, ToolCall};
use super::caller::Caller;
use super::client::Client;
use super::config::EngineConfig;
use super::method::Method;
use crate::catalogue::Catalogue;
use crate::control_plane::ControlPlane;
use crate::limits::Limits;

pub use finder::{all as own_tools, found};
pub use follow::follow_catalogue;
pub use listing::tool as listed;
pub use shelves::{Shelves, keep_indexes};

use shelves::Shelf;

/// The tools of the catalogue.
pub struct Mesh {
    catalogue: Catalogue,
    connectors: Arc<Connectors>,
    control_plane: Arc<dyn ControlPlane>,
    limits: Limits,
    config: EngineConfig,
    shelves: Shelves,
}

impl Mesh {
    /// The mesh over these parts.
    #[must_use]
    pub fn new(
        catalogue: Catalogue,
        connectors: Arc<Connectors>,
        control_plane: Arc<dyn ControlPlane>,
        limits: Limits,
        config: EngineConfig,
    ) -> Self {
        Self {
            shelves: Shelves::new(catalogue.clone(), config.tools.direct_limit),
            catalogue,
            connectors,
            control_plane,
            limits,
            config,
        }
    }

    /// What is shown of the tools, for whoever keeps it current.
    #[must_use]
    pub fn shelves(&self) -> Shelves {
        self.shelves.clone()
    }

    /// The caller's shelf, when it is so large that the mesh's own tools stand for it.
    fn large_shelf(&self, caller: &Caller) -> Option<Arc<Shelf>> {
        let shelf = self.shelves.of(caller.principal.tenant_id);
        shelf.is_large().then_some(shelf)
    }

    /// The tools of tasks that the caller sees.
    fn task_tools(&self, caller: &Caller) -> &'static [Tool] {
        if self.config.tools.tasks {
            task_tools::seen(&caller.principal)
        } else {
            &[]
        }
    }

    /// One of them, unless a provider has a tool of that name.
    fn task_tool(&self, caller: &Caller, name: &str) -> Option<&'static Tool> {
        let seen = self.task_tools(caller).iter().find(|tool| tool.name == name)?;
        let provided = self.catalogue.tool(caller.principal.tenant_id, name).is_some();
        (!provided).then_some(seen)
    }

    async fn run_here(&self, call: &ToolCall<'_>, tool: &MeshTool, provider: &Provider) -> Answer {
        let client: &Client = call.dialogue;
        let progress = client
            .wants_progress()
            .then(|| Arc::new(client.clone()) as Arc<dyn ProgressSink>);
        let context = CallContext {
            cancel: call.cancel.clone(),
            progress,
            client: Some(Arc::clone(call.dialogue) as Arc<_>),
            ..CallContext::default()
        };
        let arguments = Value::Object(call.arguments.clone());
        let outcome = self.connectors.call(provider, tool, arguments, &context).await;
        answers::answer(outcome, provider)
    }

    /// Whether the call runs as a job: it was asked to, or it may take longer than clients wait.
    fn becomes_task(&self, call: &ToolCall<'_>, provider: &Provider) -> bool {
        let is_slow = provider.limits.timeout() > self.config.tasks.sync_limit.get();
        call.dialogue.takes_tasks() && (call.task_asked || is_slow)
    }
}

#[async_trait]
impl Backend for Mesh {
    fn info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("devmesh", env!("CARGO_PKG_VERSION")))
            .with_instructions(
                "The tools of this tenant's services. Names begin with the service's name. Where they are too many to \
                 list, search_tools finds them, describe_tool shows how to call one and call_tool calls it. A failed \
                 call says what to mend; the request id in _meta leads to its logs.",
            )
    }

    fn tools(&self, caller: &Caller) -> Arc<[Tool]> {
        let shelf = self.shelves.of(caller.principal.tenant_id);
        shelf.shown(
            &self.catalogue.pins(caller.principal.key_id),
            self.task_tools(caller),
        )
    }

    fn has_tool(&self, caller: &Caller, name: &str) -> bool {
        self.catalogue.tool(caller.principal.tenant_id, name).is_some()
            || (finder::is_own(name) && self.large_shelf(caller).is_some())
            || self.task_tool(caller, name).is_some()
    }

    fn tool(&self, caller: &Caller, name: &str) -> Option<Tool> {
        let shelf = self.shelves.of(caller.principal.tenant_id);
        let own = finder::own(name).filter(|_| shelf.is_large());
        own.or_else(|| shelf.tool(name))
            .or_else(|| self.task_tool(caller, name).cloned())
    }

    fn meant(&self, caller: &Caller, request: CallToolRequestParams) -> CallToolRequestParams {
        if request.name != finder::CALL || self.large_shelf(caller).is_none() {
            return request;
        }
        let has = |name: &str| self.catalogue.tool(caller.principal.tenant_id, name).is_some();
        finder::meant(request, has)
    }

    /// What a key may list it may also look for, and nothing else. What it may do with tasks its scopes for tasks say.
    fn amounts_to(&self, caller: &Caller, name: &str) -> Method {
        let looks = finder::looks(name) && self.large_shelf(caller).is_some();
        if looks || self.task_tool(caller, name).is_some() {
            Method::ListTools
        } else {
            Method::CallTool
        }
    }

    async fn call_tool(&self, call: ToolCall<'_>) -> Result<Answer, Refusal> {
        if finder::is_own(call.name)
            && let Some(shelf) = self.large_shelf(call.caller)
        {
            return finder::call(&shelf, call).await;
        }
        let found = self.catalogue.tool(call.caller.principal.tenant_id, call.name);
        let Some((tool, provider)) = found else {
            if self.task_tool(call.caller, call.name).is_none() {
                return Err(Refusal::UnknownTool);
            }
            if let Err(exceeded) = self.limits.take_own(&call.caller.principal, call.name).await {
                return Ok(answers::limited(&exceeded, None));
            }
            let answer = task_tools::call(self.control_plane.as_ref(), call).await;
            return answer.ok_or(Refusal::UnknownTool);
        };
        if let Err(stale) = self.catalogue.freshness(&tool) {
            let outcome = CallOutcome::failed(CallErrorKind::Unavailable, stale.to_string());
            return Ok(answers::answer(outcome, &provider));
        }
        // At the door, also for what becomes a task: the worker has nothing to refuse then.
        if let Err(exceeded) = self.limits.take(&call.caller.principal, &tool, &provider).await {
            return Ok(answers::limited(&exceeded, Some(&provider)));
        }
        if self.becomes_task(&call, &provider) {
            return self.enqueue(&call, &tool, &provider).await;
        }
        Ok(self.run_here(&call, &tool, &provider).await)
    }

    async fn task(&self, caller: &Caller, id: &str) -> Result<DetailedTask, ErrorData> {
        self.job_of(caller, id)
            .await
            .map(|job| tasks::detailed(&job, &self.config.tasks))
    }

    /// Jobs ask nothing, so there is no question that an answer could belong to.
    async fn update_task(
        &self,
        caller: &Caller,
        id: &str,
        _answers: InputResponses,
    ) -> Result<(), ErrorData> {
        self.job_of(caller, id).await.map(drop)
    }

    async fn cancel_task(&self, caller: &Caller, id: &str) -> Result<(), ErrorData> {
        self.cancel_job(caller, id).await
    }
}
