//! The tools of the suite, sorted by name.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

/// Tools that take no argument: name and description.
const PLAIN: [(&str, &str); 26] = [
    ("failing_job", "Runs as a task that ends in a tool error"),
    ("multi_input", "Asks two things at once, as a task"),
    (
        "protocol_error_job",
        "Runs as a task that ends in a protocol error",
    ),
    ("test_audio_content", "Answers sound"),
    (
        "test_elicitation_sep1034_defaults",
        "Asks with defaults (SEP-1034)",
    ),
    (
        "test_elicitation_sep1330_enums",
        "Asks with every kind of choice (SEP-1330)",
    ),
    ("test_embedded_resource", "Answers an embedded resource"),
    ("test_error_handling", "Always fails"),
    ("test_image_content", "Answers an image"),
    (
        "test_input_required_result_capabilities",
        "Asks only what the client can answer",
    ),
    ("test_input_required_result_elicitation", "Asks the person once"),
    ("test_input_required_result_list_roots", "Asks for the roots once"),
    ("test_input_required_result_multi_round", "Asks in two rounds"),
    (
        "test_input_required_result_multiple_inputs",
        "Asks three things in one round",
    ),
    (
        "test_input_required_result_request_state",
        "Carries state from one round to the next",
    ),
    ("test_input_required_result_sampling", "Asks the model once"),
    (
        "test_input_required_result_tampered_state",
        "Refuses state that was changed",
    ),
    ("test_logging_tool", "Logs only when the request asks for it"),
    ("test_missing_capability", "Needs a client that offers sampling"),
    (
        "test_multiple_content_types",
        "Answers text, an image and a resource",
    ),
    ("test_reconnection", "Takes a moment, for clients that reconnect"),
    ("test_simple_text", "Answers text"),
    (
        "test_streaming_elicitation",
        "Asks by its result, never by a request",
    ),
    ("test_tool_with_logging", "Logs while it runs"),
    ("test_tool_with_progress", "Reports progress while it runs"),
    ("test_tool_with_task", "Asks for a name, then runs as a task"),
];

/// Every tool.
pub fn all() -> Vec<Tool> {
    let plain = PLAIN
        .map(|(name, description)| tool(name, description, &json!({ "type": "object", "properties": {} })));
    let mut tools: Vec<Tool> = plain.into_iter().chain(with_arguments()).collect();
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    tools
}

fn with_arguments() -> Vec<Tool> {
    let text = || json!({ "type": "string" });
    vec![
        tool(
            "test_trigger_tool_change",
            "Says that the tools changed",
            &object(json!({}), &[]),
        ),
        tool(
            "test_trigger_prompt_change",
            "Says that the prompts changed",
            &object(json!({}), &[]),
        ),
        tool(
            "test_sampling",
            "Asks the client's model",
            &object(json!({ "prompt": text() }), &["prompt"]),
        ),
        tool(
            "test_elicitation",
            "Asks the person",
            &object(json!({ "message": text() }), &["message"]),
        ),
        tool(
            "test_custom_header",
            "Answers what its header says (SEP-2243)",
            &object(
                json!({ "value": { "type": "string", "x-mcp-header": "Value" } }),
                &["value"],
            ),
        ),
        tool(
            "greet",
            "Greets at once, never as a task",
            &object(json!({ "name": text() }), &["name"]),
        ),
        tool(
            "confirm_delete",
            "Asks before it deletes",
            &object(json!({ "filename": text() }), &[]),
        ),
        tool(
            "slow_compute",
            "Takes as long as it is told, as a task where it can",
            &object(json!({ "seconds": { "type": "number" }, "label": text() }), &[]),
        ),
        tool(
            "json_schema_2020_12_tool",
            "Has a schema with much of JSON Schema 2020-12",
            &rich_schema(),
        ),
    ]
}

fn tool(name: &'static str, description: &'static str, schema: &Value) -> Tool {
    let schema: JsonObject = schema.as_object().cloned().unwrap_or_default();
    Tool::new(name, description, Arc::new(schema))
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn rich_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
            }
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" }
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false
    })
}
