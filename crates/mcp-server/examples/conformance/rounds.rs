//! Tools that need several rounds (SEP-2322): the dialogue turns what they ask into `input_required`.

use connectors::{Ask, ClientChannel, Question};
use mcp_server::engine::{Dialogue, Refusal, ToolCall};
use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use crate::calls::text;
use crate::questions::{ask, elicit, sampled, sampling};

pub async fn call(call: ToolCall<'_>) -> Result<CallToolResult, Refusal> {
    let dialogue = call.dialogue;
    let round = call.name.trim_start_matches("test_input_required_result_");
    Ok(match round {
        "elicitation" => text(format!(
            "Hello, {}!",
            ask_name(dialogue, "user_name", "What is your name?").await?
        )),
        "sampling" => {
            let answer = ask(
                dialogue,
                "capital_question",
                sampling("What is the capital of France?", 100),
            )
            .await?;
            text(format!("The model says: {}", sampled(&answer)))
        }
        "list_roots" => {
            let answer = ask(dialogue, "client_roots", Ask::ListRoots).await?;
            text(format!(
                "Roots: {}",
                answer.get("roots").cloned().unwrap_or_default()
            ))
        }
        "request_state" | "tampered_state" => with_state(dialogue).await?,
        "multiple_inputs" => {
            dialogue.keep(json!({ "stage": "gather" }));
            dialogue.ask(three_questions()).await?;
            text("All three inputs arrived")
        }
        "multi_round" => {
            dialogue.keep(json!({ "round": 1 }));
            let name = ask_name(dialogue, "step1", "Step 1: What is your name?").await?;
            dialogue.keep(json!({ "round": 2 }));
            let question = elicit(
                "Step 2: What is your favorite color?",
                json!({ "color": { "type": "string" } }),
                &["color"],
            );
            let answer = ask(dialogue, "step2", question).await?;
            text(format!("{name} likes {}", content(&answer, "color")))
        }
        "capabilities" => {
            let questions = three_questions()
                .into_iter()
                .filter(|question| dialogue.answers(&question.ask));
            dialogue.ask(questions.collect()).await?;
            text("Everything that the client can answer arrived")
        }
        _ => return Err(Refusal::UnknownTool),
    })
}

/// Asks for a name and answers it.
pub async fn ask_name(dialogue: &Dialogue, key: &str, message: &str) -> Result<String, Refusal> {
    let question = elicit(message, json!({ "name": { "type": "string" } }), &["name"]);
    let answer = ask(dialogue, key, question).await?;
    Ok(content(&answer, "name").to_owned())
}

async fn with_state(dialogue: &Dialogue) -> Result<CallToolResult, Refusal> {
    let came_back = dialogue
        .kept()
        .is_some_and(|state| state == json!({ "stage": "confirm" }));
    dialogue.keep(json!({ "stage": "confirm" }));
    ask(
        dialogue,
        "confirm",
        elicit("Please confirm", json!({ "ok": { "type": "boolean" } }), &["ok"]),
    )
    .await?;
    Ok(text(if came_back {
        "Confirmed: state-ok"
    } else {
        "Confirmed without state"
    }))
}

fn three_questions() -> Vec<Question> {
    let name = elicit(
        "What is your name?",
        json!({ "name": { "type": "string" } }),
        &["name"],
    );
    [
        ("user_name", name),
        ("greeting", sampling("Generate a greeting", 50)),
        ("client_roots", Ask::ListRoots),
    ]
    .map(|(key, ask)| Question {
        key: key.to_owned(),
        ask,
    })
    .into()
}

/// A text of an elicitation's content.
fn content<'a>(answer: &'a Value, name: &str) -> &'a str {
    let value = answer.get("content").and_then(|content| content.get(name));
    value.and_then(Value::as_str).unwrap_or_default()
}
