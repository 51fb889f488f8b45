//! Plain calls of the stateless era, which the endpoint runs without the SDK: nobody can tell from outside.

use domain::Scope;
use reqwest::StatusCode;
use serde_json::{Value, json};
use test_support::Reply;

use crate::support::{Answer, Client, Edge, World};

/// Of the call as it is, and of one that asks for progress too, which goes through the SDK.
async fn both_ways(client: &Client, tool: &str, arguments: Value) -> [(StatusCode, Value); 2] {
    let mut answers = Vec::new();
    for meta in [json!({}), json!({ "progressToken": 5 })] {
        let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
        let answer = Answer::of(client.new_era("tools/call", params, &json!({}))).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        let mut message = answer.message();
        // These two say which request it was.
        if let Some(meta) = message.pointer_mut("/result/_meta") {
            let named: Vec<String> = meta.as_object().unwrap().keys().cloned().collect();
            *meta = json!(named);
        }
        answers.push((answer.status, message));
    }
    answers.try_into().unwrap()
}

#[tokio::test]
async fn a_plain_call_is_answered_as_one_that_goes_through_the_sdk() {
    let mut world = World::new().await;
    let key = world.key();
    let reader = world.tenant().key([Scope::ToolsRead].into(), None);
    world.upstream.on(
        "GET",
        "/items/1",
        Reply::json(200, &json!({ "id": 1, "name": "ä\"\n" })),
    );
    world.upstream.on("GET", "/items/2", Reply::json(500, &json!({})));
    let edge = Edge::start(&world).await;
    for (key, tool, arguments) in [
        (&key, "acme_get", json!({ "id": 1 })),
        (&key, "acme_get", json!({ "id": 2 })),
        (&key, "acme_get", json!({ "id": "one" })),
        (&key, "acme_get", json!({})),
        (&key, "no_such_tool", json!({})),
        (&reader, "acme_get", json!({ "id": 1 })),
    ] {
        let [direct, through] = both_ways(&edge.client(key), tool, arguments.clone()).await;
        assert_eq!(direct, through, "{tool} {arguments}");
    }
    assert_eq!(
        edge.audit.all().len(),
        12,
        "each call leaves a record, whichever way it goes"
    );
}

#[tokio::test]
async fn what_the_sdk_refuses_of_a_call_stays_refused() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
    for (name, value, status) in [
        ("origin", "https://evil.example.com", StatusCode::FORBIDDEN),
        ("host", "evil.example.com", StatusCode::FORBIDDEN),
        ("mcp-name", "acme_other", StatusCode::BAD_REQUEST),
        ("mcp-method", "tools/list", StatusCode::BAD_REQUEST),
        ("mcp-protocol-version", "2025-11-25", StatusCode::BAD_REQUEST),
        ("accept", "application/json", StatusCode::NOT_ACCEPTABLE),
        (
            "accept",
            "application/json, text/event-stream;q=0",
            StatusCode::NOT_ACCEPTABLE,
        ),
        ("content-type", "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let request = edge
            .client(&key)
            .new_era("tools/call", params.clone(), &json!({}));
        // `headers` replaces what is there, `header` would add to it.
        let replaced = [(name.parse().unwrap(), value.parse().unwrap())];
        let answer = Answer::of(request.headers(replaced.into_iter().collect())).await;
        assert_eq!(answer.status, status, "{name}: {value}: {}", answer.text);
        let record = edge.audit.all().pop().unwrap();
        assert_eq!(
            (record.action.as_str(), record.tool.as_str(), record.status),
            ("tools/call", "acme_get", status.as_u16().into()),
            "{name}: {value}"
        );
    }
    assert!(world.upstream.requests().is_empty());
    assert_eq!(edge.audit.all().len(), 8, "one record for each refusal");
    let counted = edge.telemetry.render();
    let labels = r#"endpoint="tools/call",method="POST",tool="acme_get",status="400"} 3"#;
    assert!(counted.contains(labels), "{counted}");
}
