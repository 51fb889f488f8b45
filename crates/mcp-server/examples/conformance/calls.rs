//! Tools that answer by themselves.

use std::time::Duration;

use connectors::ProgressSink;
use mcp_server::engine::{Change, Refusal, ToolCall};
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Value, json};

use crate::fixture::{AUDIO, Fixture, IMAGE};

/// The pause between two notices that the suite asks for.
const PAUSE: Duration = Duration::from_millis(50);

/// An answer of one text.
pub fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

pub async fn call(fixture: &Fixture, call: ToolCall<'_>) -> Result<CallToolResult, Refusal> {
    let tenant = call.caller.principal.tenant_id;
    Ok(match call.name {
        "test_simple_text" => text("This is a simple text response for testing."),
        "test_image_content" => CallToolResult::success(vec![image()]),
        "test_audio_content" => CallToolResult::success(vec![ContentBlock::audio(AUDIO, "audio/wav")]),
        "test_embedded_resource" => CallToolResult::success(vec![resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )]),
        "test_multiple_content_types" => CallToolResult::success(vec![
            ContentBlock::text("Multiple content types test:"),
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ]),
        "test_error_handling" => CallToolResult::error(vec![ContentBlock::text(
            "This tool intentionally returns an error for testing",
        )]),
        "test_tool_with_logging" => with_logging(&call).await,
        "test_logging_tool" => {
            call.dialogue.log("info", None, json!("asked to log")).await;
            text("Logging tool completed")
        }
        "test_tool_with_progress" => with_progress(&call).await,
        "test_reconnection" => {
            tokio::time::sleep(2 * PAUSE).await;
            text("Reconnection test completed")
        }
        "test_custom_header" => match call.arguments.get("value").and_then(Value::as_str) {
            Some(value) => text(value),
            None => return Err(ErrorData::invalid_params("value: expected a string", None).into()),
        },
        "json_schema_2020_12_tool" => text(Value::Object(call.arguments).to_string()),
        "test_trigger_tool_change" => {
            fixture.listeners.tell(tenant, &Change::Tools).await;
            text("Tools changed")
        }
        "test_trigger_prompt_change" => {
            fixture.listeners.tell(tenant, &Change::Prompts).await;
            text("Prompts changed")
        }
        _ => return Err(Refusal::UnknownTool),
    })
}

async fn with_logging(call: &ToolCall<'_>) -> CallToolResult {
    for message in [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
    ] {
        call.dialogue.log("info", None, json!(message)).await;
        tokio::time::sleep(PAUSE).await;
    }
    text("Logging test completed")
}

async fn with_progress(call: &ToolCall<'_>) -> CallToolResult {
    for progress in [0.0, 50.0, 100.0] {
        call.dialogue.progress(progress, Some(100.0), None).await;
        tokio::time::sleep(PAUSE).await;
    }
    text("Progress test completed")
}

fn image() -> ContentBlock {
    ContentBlock::image(IMAGE, "image/png")
}

fn resource(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::TextResourceContents {
        uri: uri.to_owned(),
        mime_type: Some(mime_type.to_owned()),
        text: text.to_owned(),
        meta: None,
    })
}
