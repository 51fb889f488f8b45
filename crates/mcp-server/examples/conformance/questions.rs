//! Tools that ask the client one thing.

use connectors::{Ask, AskError, ClientChannel, Question};
use mcp_server::engine::{Dialogue, Refusal, ToolCall};
use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use crate::calls::text;

/// The tools of this file.
pub const NAMES: [&str; 6] = [
    "test_sampling",
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_missing_capability",
    "test_streaming_elicitation",
];

pub async fn call(call: ToolCall<'_>) -> Result<CallToolResult, Refusal> {
    let argument = |name: &str| {
        call.arguments
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let dialogue = call.dialogue;
    Ok(match call.name {
        "test_sampling" => {
            let answer = ask(dialogue, "sampling", sampling(argument("prompt"), 100)).await?;
            text(format!("LLM response: {}", sampled(&answer)))
        }
        "test_missing_capability" if !dialogue.answers(&sampling("", 1)) => {
            return Err(AskError::Unsupported("sampling").into());
        }
        "test_missing_capability" => text("The client offers sampling"),
        "test_elicitation" => {
            let properties = json!({
                "username": { "type": "string", "description": "User's response" },
                "email": { "type": "string", "description": "User's email address" },
            });
            let question = elicit(argument("message"), properties, &["username", "email"]);
            told("User response", &ask(dialogue, "user", question).await?)
        }
        "test_elicitation_sep1034_defaults" => {
            let question = elicit("Please review these values", defaults(), &[]);
            told(
                "Elicitation completed",
                &ask(dialogue, "defaults", question).await?,
            )
        }
        "test_elicitation_sep1330_enums" => {
            let question = elicit("Please choose", choices(), &[]);
            told(
                "Elicitation completed",
                &ask(dialogue, "choices", question).await?,
            )
        }
        _ => {
            let question = elicit(
                "Provide a value",
                json!({ "value": { "type": "string" } }),
                &["value"],
            );
            told(
                "Streaming elicitation completed",
                &ask(dialogue, "value", question).await?,
            )
        }
    })
}

/// Asks one question.
pub async fn ask(dialogue: &Dialogue, key: &str, ask: Ask) -> Result<Value, AskError> {
    let answers = dialogue
        .ask(vec![Question {
            key: key.to_owned(),
            ask,
        }])
        .await?;
    Ok(answers.into_iter().next().unwrap_or_default())
}

/// A question for the person.
pub fn elicit(message: &str, properties: Value, required: &[&str]) -> Ask {
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    Ask::Elicit(json!({ "message": message, "requestedSchema": schema }))
}

/// A question for the model.
pub fn sampling(prompt: &str, max_tokens: u32) -> Ask {
    let message = json!({ "role": "user", "content": { "type": "text", "text": prompt } });
    Ask::CreateMessage(json!({ "messages": [message], "maxTokens": max_tokens }))
}

/// The text of a model's answer.
pub fn sampled(answer: &Value) -> &str {
    let content = answer.get("content");
    let first = content.and_then(|content| content.get(0)).or(content);
    first
        .and_then(|content| content.get("text"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn told(what: &str, answer: &Value) -> CallToolResult {
    let action = answer.get("action").and_then(Value::as_str).unwrap_or("cancel");
    let content = answer.get("content").cloned().unwrap_or_else(|| json!({}));
    text(format!("{what}: action={action}, content={content}"))
}

fn defaults() -> Value {
    json!({
        "name": { "type": "string", "description": "User name", "default": "John Doe" },
        "age": { "type": "integer", "description": "User age", "default": 30 },
        "score": { "type": "number", "description": "User score", "default": 95.5 },
        "status": {
            "type": "string",
            "description": "User status",
            "enum": ["active", "inactive", "pending"],
            "default": "active"
        },
        "verified": { "type": "boolean", "description": "Verification status", "default": true }
    })
}

fn choices() -> Value {
    let titled = |kind: &str| {
        json!([
            { "const": "value1", "title": format!("First {kind}") },
            { "const": "value2", "title": format!("Second {kind}") },
            { "const": "value3", "title": format!("Third {kind}") }
        ])
    };
    json!({
        "untitledSingle": { "type": "string", "enum": ["option1", "option2", "option3"] },
        "titledSingle": { "type": "string", "oneOf": titled("Option") },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"]
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": ["option1", "option2", "option3"] } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } }
    })
}
