//! The least rmcp server that calls the same API: one tool, no authentication, no validation, no telemetry.

use std::sync::Arc;

use axum::Router;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};

#[derive(Clone)]
struct Least {
    client: reqwest::Client,
    upstream: String,
}

pub(super) fn router(upstream: String) -> Router {
    #[expect(clippy::disallowed_methods, reason = "the plainest way that people write it")]
    let least = Least {
        client: reqwest::Client::new(),
        upstream,
    };
    let config = StreamableHttpServerConfig::default().with_json_response(true);
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(least.clone()), sessions, config);
    Router::new().route_service("/mcp", service)
}

impl ServerHandler for Least {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({ "type": "object", "properties": { "id": { "type": "integer" } } });
        let schema: Map<String, Value> = schema.as_object().cloned().unwrap_or_default();
        let tool = Tool::new(super::super::request::TOOL, "One item.", Arc::new(schema));
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let id = request
            .arguments
            .as_ref()
            .and_then(|arguments| arguments.get("id"))
            .and_then(Value::as_u64)
            .ok_or_else(|| ErrorData::invalid_params("id", None))?;
        let failed = |error: reqwest::Error| ErrorData::internal_error(error.to_string(), None);
        let url = format!("{}/items/{id}", self.upstream);
        let sent = self.client.get(url).send();
        let text = sent.await.map_err(failed)?.text().await.map_err(failed)?;
        let structured = serde_json::from_str(&text).ok();
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = structured;
        Ok(result.into())
    }
}
