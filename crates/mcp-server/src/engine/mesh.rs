//! The mesh as a backend: the catalogue's tools, run by the connectors here, or as jobs of the control plane.

mod answers;
mod follow;
mod listing;
mod tasks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use connectors::{CallContext, Connectors, ProgressSink};
use domain::{CallErrorKind, CallOutcome, Provider, TenantId, Tool as MeshTool};
use rmcp::ErrorData;
use rmcp::model::{DetailedTask, Implementation, InputResponses, ServerCapabilities, ServerConfig, Tool};
use serde_json::Value;

use super::backend::{Answer, Backend, Refusal, ToolCall};
use super::caller::Caller;
use super::client::Client;
use super::config::EngineConfig;
use crate::catalogue::Catalogue;
use crate::control_plane::ControlPlane;

pub use follow::follow_catalogue;

/// The tools of the catalogue.
pub struct Mesh {
    catalogue: Catalogue,
    connectors: Arc<Connectors>,
    control_plane: Arc<dyn ControlPlane>,
    config: EngineConfig,
    listings: Mutex<HashMap<TenantId, Listing>>,
}

/// A tenant's tools as MCP shows them, and what they were made of.
#[derive(Clone)]
struct Listing {
    of: Arc<[Arc<MeshTool>]>,
    tools: Arc<[Tool]>,
}

impl Mesh {
    /// The mesh over these parts.
    #[must_use]
    pub fn new(
        catalogue: Catalogue,
        connectors: Arc<Connectors>,
        control_plane: Arc<dyn ControlPlane>,
        config: EngineConfig,
    ) -> Self {
        Self {
            catalogue,
            connectors,
            control_plane,
            config,
            listings: Mutex::default(),
        }
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

    fn listings(&self) -> MutexGuard<'_, HashMap<TenantId, Listing>> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
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
                "The tools of this tenant's services. Names begin with the service's name. A failed call says what to \
                 mend; the request id in _meta leads to its logs.",
            )
    }

    fn tools(&self, caller: &Caller) -> Arc<[Tool]> {
        let tenant = caller.principal.tenant_id;
        let now = self.catalogue.tools(tenant);
        let mut listings = self.listings();
        if let Some(listing) = listings.get(&tenant)
            && Arc::ptr_eq(&listing.of, &now)
        {
            return Arc::clone(&listing.tools);
        }
        let tools: Arc<[Tool]> = now.iter().map(|tool| listing::tool(tool)).collect();
        listings.insert(
            tenant,
            Listing {
                of: now,
                tools: Arc::clone(&tools),
            },
        );
        tools
    }

    fn has_tool(&self, caller: &Caller, name: &str) -> bool {
        self.catalogue.tool(caller.principal.tenant_id, name).is_some()
    }

    async fn call_tool(&self, call: ToolCall<'_>) -> Result<Answer, Refusal> {
        let found = self.catalogue.tool(call.caller.principal.tenant_id, call.name);
        let (tool, provider) = found.ok_or(Refusal::UnknownTool)?;
        if let Err(stale) = self.catalogue.freshness(&tool) {
            let outcome = CallOutcome::failed(CallErrorKind::Unavailable, stale.to_string());
            return Ok(answers::answer(outcome, &provider));
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
