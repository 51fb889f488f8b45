//! A tool of the mesh as MCP shows it.

use std::sync::Arc;

use domain::Tool as MeshTool;
use domain::tool::Schema;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::Value;

/// The tool's entry in `tools/list`.
#[must_use]
pub fn tool(tool: &MeshTool) -> Tool {
    let hints = &tool.annotations;
    let annotations = ToolAnnotations::new()
        .read_only(hints.read_only)
        .destructive(hints.destructive)
        .idempotent(hints.idempotent)
        .open_world(hints.open_world);
    let mut listed = Tool::new(
        tool.name.clone(),
        tool.description.clone(),
        object(&tool.input_schema),
    );
    listed.title.clone_from(&tool.title);
    listed.output_schema = tool.output_schema.as_ref().map(object);
    listed.annotations = Some(annotations);
    listed
}

fn object(schema: &Schema) -> Arc<JsonObject> {
    match schema.value() {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}
