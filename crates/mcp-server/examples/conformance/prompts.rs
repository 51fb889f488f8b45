//! The prompts of the suite, sorted by name.

use mcp_server::engine::{Dialogue, refusal};
use rmcp::ErrorData;
use rmcp::model::{
    ContentBlock, GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, ResourceContents, Role,
};
use serde_json::{Value, json};

use crate::fixture::IMAGE;
use crate::questions::{ask, elicit};

/// Every prompt.
pub fn all() -> Vec<Prompt> {
    let argument = |name: &str, description: &str| {
        PromptArgument::new(name)
            .with_description(description)
            .with_required(true)
    };
    vec![
        Prompt::new(
            "test_input_required_result_prompt",
            Some("Asks for context first (SEP-2322)"),
            None,
        ),
        Prompt::new(
            "test_prompt_with_arguments",
            Some("Shows its arguments"),
            Some(vec![
                argument("arg1", "First argument"),
                argument("arg2", "Second argument"),
            ]),
        ),
        Prompt::new(
            "test_prompt_with_embedded_resource",
            Some("Embeds a resource"),
            Some(vec![argument("resourceUri", "The resource's address")]),
        ),
        Prompt::new("test_prompt_with_image", Some("Shows an image"), None),
        Prompt::new("test_simple_prompt", Some("Says one sentence"), None),
    ]
}

pub async fn fill(
    name: &str,
    arguments: &JsonObject,
    dialogue: &Dialogue,
) -> Result<GetPromptResult, ErrorData> {
    let argument = |name: &str| {
        arguments
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let says = |text: String| PromptMessage::new_text(Role::User, text);
    let messages = match name {
        "test_simple_prompt" => vec![says("This is a simple prompt for testing.".to_owned())],
        "test_prompt_with_arguments" => {
            vec![says(format!(
                "Prompt with arguments: arg1='{}', arg2='{}'",
                argument("arg1"),
                argument("arg2")
            ))]
        }
        "test_prompt_with_embedded_resource" => {
            let contents = ResourceContents::TextResourceContents {
                uri: argument("resourceUri"),
                mime_type: Some("text/plain".to_owned()),
                text: "Embedded resource content for testing.".to_owned(),
                meta: None,
            };
            let resource = PromptMessage::new(Role::User, ContentBlock::resource(contents));
            vec![
                resource,
                says("Please process the embedded resource above.".to_owned()),
            ]
        }
        "test_prompt_with_image" => {
            let image = PromptMessage::new(Role::User, ContentBlock::image(IMAGE, "image/png"));
            vec![image, says("Please analyze the image above.".to_owned())]
        }
        "test_input_required_result_prompt" => {
            let properties = json!({ "context": { "type": "string" } });
            let question = elicit("What context should the prompt use?", properties, &["context"]);
            let answer = ask(dialogue, "user_context", question)
                .await
                .map_err(|error| refusal::unasked(&error))?;
            let context = answer
                .pointer("/content/context")
                .and_then(Value::as_str)
                .unwrap_or_default();
            vec![says(format!("Prompt with context: {context}"))]
        }
        _ => return Err(ErrorData::invalid_params(format!("Unknown prompt: {name}"), None)),
    };
    Ok(GetPromptResult::new(messages))
}
