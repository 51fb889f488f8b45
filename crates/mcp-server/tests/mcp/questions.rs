//! Questions and progress while a call runs, in both eras, with a backend that asks.

use std::sync::Arc;

use async_trait::async_trait;
use connectors::{Ask, ClientChannel, ProgressSink, Question};
use mcp_server::engine::{Answer as Told, Backend, Caller, Refusal, ToolCall};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ServerCapabilities, ServerConfig, Tool};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Edge, Events, Options, World};

/// One tool, `ask`: asks for a name, then for a colour, and reports progress in between.
struct Asking;

#[async_trait]
impl Backend for Asking {
    fn info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn tools(&self, _caller: &Caller) -> Arc<[Tool]> {
        Arc::new([Tool::new("ask", "Asks twice", JsonObject::new())])
    }

    async fn call_tool(&self, call: ToolCall<'_>) -> Result<Told, Refusal> {
        let name = ask(&call, "name").await?;
        call.dialogue.progress(1.0, Some(2.0), Some("half")).await;
        let colour = ask(&call, "colour").await?;
        Ok(Told::of(CallToolResult::success(vec![ContentBlock::text(
            format!("{name} likes {colour}"),
        )])))
    }
}

async fn ask(call: &ToolCall<'_>, what: &str) -> Result<String, Refusal> {
    let schema = json!({ "type": "object", "properties": { what: { "type": "string" } } });
    let ask = Ask::Elicit(json!({ "message": format!("Your {what}?"), "requestedSchema": schema }));
    let answers = call
        .dialogue
        .ask(vec![Question {
            key: what.to_owned(),
            ask,
        }])
        .await?;
    Ok(answers[0]["content"][what]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

async fn asking() -> (Edge, Client, Client) {
    let mut world = World::new().await;
    let (key, other) = (world.key(), world.key());
    let edge = Edge::of(&world, Asking).await;
    let clients = (edge.client(&key), edge.client(&other));
    (edge, clients.0, clients.1)
}

#[tokio::test]
async fn in_a_session_the_client_is_asked_and_the_call_waits() {
    let (_edge, mut client, _) = asking().await;
    client.initialize().await;
    let params = json!({ "name": "ask", "_meta": { "progressToken": "mine" } });
    let call = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params });
    let mut stream = Events::of(client.old(&call)).await;
    let mut progress = Vec::new();
    let answer = loop {
        let message = stream.message().await.unwrap();
        match message["method"].as_str() {
            Some("elicitation/create") => {
                let what = if message["params"]["message"] == "Your name?" {
                    "name"
                } else {
                    "colour"
                };
                let content = json!({ what: format!("my {what}") });
                let reply = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "action": "accept", "content": content } });
                assert_eq!(Answer::of(client.old(&reply)).await.status, 202);
            }
            Some("notifications/progress") => progress.push(message["params"].clone()),
            _ => break message,
        }
    };
    assert_eq!(answer["result"]["content"][0]["text"], "my name likes my colour");
    assert_eq!(
        progress,
        [json!({ "progressToken": "mine", "progress": 1.0, "total": 2.0, "message": "half" })]
    );
}

/// The second question of a call at one replica is answered like the first: at the other. Both replicas ask at once, so
/// that an answer in the wrong place would be taken for another one's.
#[tokio::test]
async fn each_replica_hears_the_answers_to_its_own_questions_wherever_they_arrive() {
    let mut world = World::new().await;
    let key = world.key();
    let options = Options::default();
    let one = Edge::of_with(&world, Asking, options.clone()).await;
    let other = Edge::of_with(&world, Asking, options).await;
    let mut client = one.client(&key);
    client.initialize().await;
    let there = client.at(&other.url);
    let (here, elsewhere) = tokio::join!(
        ask_and_answer(&client, &there, 3, "Ada"),
        ask_and_answer(&there, &client, 4, "Grace")
    );
    assert_eq!(here["result"]["content"][0]["text"], "Ada likes Ada");
    assert_eq!(elsewhere["result"]["content"][0]["text"], "Grace likes Grace");
}

/// Calls at one replica and answers at the other: always with `word`.
async fn ask_and_answer(at: &Client, other: &Client, id: u64, word: &str) -> Value {
    let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "ask" } });
    let mut stream = Events::of(at.old(&call)).await;
    loop {
        let message = stream.message().await.unwrap();
        if message["method"] != "elicitation/create" {
            return message;
        }
        let content = json!({ "name": word, "colour": word });
        let result = json!({ "action": "accept", "content": content });
        let reply = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
        assert_eq!(Answer::of(other.old(&reply)).await.status, 202);
    }
}

/// One round of the stateless era.
async fn round(client: &Client, before: Option<(&Value, Value)>) -> Value {
    let mut params = json!({ "name": "ask" });
    if let Some((before, responses)) = before {
        params["inputResponses"] = responses;
        if let Some(state) = before.get("requestState") {
            params["requestState"] = state.clone();
        }
    }
    Answer::of(client.new_era("tools/call", params, &json!({ "elicitation": {} })))
        .await
        .message()
}

fn said(what: &str, text: &str) -> Value {
    json!({ what: { "action": "accept", "content": { what: text } } })
}

#[tokio::test]
async fn in_the_stateless_era_each_round_leaves_a_question_until_all_are_answered() {
    let (_edge, client, other) = asking().await;
    let first = round(&client, None).await["result"].clone();
    assert_eq!(first["resultType"], "input_required");
    assert_eq!(first["inputRequests"]["name"]["method"], "elicitation/create");
    let second = round(&client, Some((&first, said("name", "Ada")))).await["result"].clone();
    assert_eq!(
        second["inputRequests"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["colour"]
    );
    // The state of one key is nothing to another.
    let stolen = round(&other, Some((&second, said("colour", "red")))).await;
    assert_eq!(stolen["error"]["code"], -32_602, "{stolen}");
    let third = round(&client, Some((&second, said("colour", "blue")))).await["result"].clone();
    assert_eq!(third["content"][0]["text"], "Ada likes blue");
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_told_what_it_lacks() {
    let (_edge, client, _) = asking().await;
    let answer = Answer::of(client.new_era("tools/call", json!({ "name": "ask" }), &json!({}))).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.message()["error"]["data"]["requiredCapabilities"],
        json!({ "elicitation": {} })
    );
}
