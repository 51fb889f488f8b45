//! `tools/call` without the SDK in between. For every request of the stateless era rmcp starts a service with its own
//! tasks and channels and turns the message into a JSON value once more; that costs more than the call itself. The
//! course of the call ([`super::call`]) and the wire form are the same on both ways.

use std::sync::Arc;

use rmcp::model::{CallToolRequestParams, JsonObject, ServerJsonRpcMessage};
use serde_json::Value;

use super::Engine;
use super::asked::Asked;
use super::backend::Backend;
use super::caller::Caller;

/// The schema's mark of an argument that travels in a header too (MCP 2026-07-28, "Custom Headers from Tool Parameters").
const IN_HEADER: &str = "x-mcp-header";

impl<B: Backend> Engine<B> {
    /// Whether a call of this tool needs nothing of the SDK: the caller has the tool, and no header has to be compared
    /// with its arguments.
    pub(crate) fn calls_directly(&self, caller: &Caller, name: &str) -> bool {
        let tool = self.shared.backend.tool(caller, name);
        tool.is_some_and(|tool| !has_header_arguments(&tool.input_schema))
    }

    /// Runs the call and answers as the SDK would.
    pub(crate) async fn call_directly(
        self: Arc<Self>,
        request: CallToolRequestParams,
        asked: Asked,
    ) -> ServerJsonRpcMessage {
        let id = asked.id.clone();
        match self.tools_call(request, asked).await {
            Ok(response) => ServerJsonRpcMessage::response(response.into(), id),
            Err(error) => ServerJsonRpcMessage::error(error, Some(id)),
        }
    }
}

fn has_header_arguments(schema: &JsonObject) -> bool {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return false;
    };
    properties
        .values()
        .filter_map(Value::as_object)
        .any(|property| property.contains_key(IN_HEADER) || has_header_arguments(property))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_that_travel_in_headers_are_found_however_deep() {
        for (schema, expected) in [
            (json!({}), false),
            (
                json!({ "properties": { "a": true, "b": { "type": "string" } } }),
                false,
            ),
            (json!({ "properties": { "a": { "x-mcp-header": "A" } } }), true),
            (
                json!({ "properties": { "a": { "properties": { "b": { "x-mcp-header": "B" } } } } }),
                true,
            ),
        ] {
            assert_eq!(
                has_header_arguments(schema.as_object().unwrap()),
                expected,
                "{schema}"
            );
        }
    }
}
