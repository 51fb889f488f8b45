//! The methods of the mesh, as whoever brings some sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{KeyKind, Scope};
use frames::Form;
use mcp_server::methods::{MethodCall, MethodInfo, MethodTable, Watcher};
use mcp_server::ws::{Class, Connection};
use rmcp::ErrorData;
use serde::Deserialize;
use serde_json::{Value, json};
use test_support::eventually;

use crate::support::{Edge, Options, Socket, World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Greeting {
    name: String,
}

/// Remembers what became of connections.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

#[async_trait]
impl Watcher for Seen {
    async fn opened(&self, connection: &Connection) {
        self.0.lock().unwrap().push(format!("opened {}", connection.id()));
    }

    async fn closed(&self, connection: &Connection) {
        self.0.lock().unwrap().push(format!("closed {}", connection.id()));
    }
}

fn info(name: &'static str, scope: Option<Scope>) -> MethodInfo {
    MethodInfo {
        name,
        scope,
        summary: "A test's.",
        twin: None,
    }
}

async fn greet(call: MethodCall, greeting: Greeting) -> Result<Value, ErrorData> {
    call.connection.is_agent("cicd");
    call.connection
        .notify(
            "agent.greeted",
            json!({ "name": greeting.name }),
            Class::Droppable,
        )
        .await;
    Ok(json!({ "hello": greeting.name, "from": call.connection.id() }))
}

async fn wait(call: MethodCall, _: Value) -> Result<Value, ErrorData> {
    call.cancel.cancelled().await;
    Ok(json!("cancelled"))
}

async fn fall(_: MethodCall, params: Value) -> Result<Value, ErrorData> {
    assert!(params.get("stand").is_some(), "it falls");
    Ok(params)
}

fn methods() -> MethodTable {
    MethodTable::default()
        .method(info("agent.greet", None), greet)
        .method(info("agent.wait", Some(Scope::ToolsCall)), wait)
        .method(info("agent.admin", Some(Scope::Admin)), wait)
        .method(info("agent.fall", None), fall)
}

async fn edge() -> (World, Edge, String) {
    let mut world = World::new().await;
    let key = world.key();
    let options = Options {
        methods,
        ..Options::default()
    };
    let edge = Edge::with(&world, options).await;
    (world, edge, key)
}

#[tokio::test]
async fn a_method_is_asked_in_both_forms_and_may_tell_something_before_it_answers() {
    let (_world, edge, key) = edge().await;
    for form in [Form::Text, Form::Binary] {
        let mut socket = Socket::open_in(&edge, &key, form).await;
        let id = socket
            .begin(
                "agent.greet",
                json!({ "name": "bo", "_meta": { "traceparent": "x" } }),
            )
            .await;
        let told = socket.hear().await.message();
        assert_eq!(
            (&told["method"], &told["params"]),
            (&json!("agent.greeted"), &json!({ "name": "bo" }))
        );
        let answer = socket.answer_to(id).await;
        assert_eq!(answer["result"]["hello"], "bo");
        assert!(
            edge.connections
                .find(answer["result"]["from"].as_str().unwrap())
                .is_some()
        );
    }
    let page = edge.telemetry.render();
    assert!(
        page.contains(r#"endpoint="agent.greet",method="WS",tool="",status="200"} 2"#),
        "{page}"
    );
    assert!(
        page.contains(r#"protocol_version="1",agent_type="cicd"} "#),
        "{page}"
    );
}

#[tokio::test]
async fn params_scopes_and_faults_are_answered_with_what_is_wrong() {
    let (_world, edge, key) = edge().await;
    let mut socket = Socket::open(&edge, &key).await;
    for (method, params, code, words) in [
        (
            "agent.greet",
            json!({ "name": 7 }),
            -32602,
            "params of agent.greet: name: invalid type",
        ),
        (
            "agent.greet",
            json!({ "nam": "x" }),
            -32602,
            "unknown field `nam`",
        ),
        (
            "agent.admin",
            json!({}),
            -32003,
            "this needs a key with the scope admin",
        ),
        ("agent.fall", json!({}), -32603, "the service failed"),
    ] {
        let answer = socket.ask(method, params).await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(
            answer["error"]["message"].as_str().unwrap().contains(words),
            "{answer}"
        );
    }
    let still = socket.ask("agent.fall", json!({ "stand": true })).await;
    assert_eq!(still["result"], json!({ "stand": true }));
}

#[tokio::test]
async fn a_cancelled_request_is_told_and_gets_no_answer_and_its_id_is_free_again() {
    let (_world, edge, key) = edge().await;
    let mut socket = Socket::open(&edge, &key).await;
    let waiting = json!({ "jsonrpc": "2.0", "id": "w", "method": "agent.wait" }).to_string();
    socket.send_text(&waiting).await;
    socket.send_text(&waiting).await;
    let twice = socket.hear().await.message();
    assert_eq!(
        twice["error"]["message"],
        "id: a request with this id is being answered"
    );
    socket
        .tell("notifications/cancelled", Some(json!({ "requestId": "w" })))
        .await;
    assert!(socket.is_silent(Duration::from_millis(200)).await);
    socket
        .send_text(r#"{"jsonrpc":"2.0","id":"w","method":"ping"}"#)
        .await;
    assert_eq!(
        socket.hear().await.message(),
        json!({ "jsonrpc": "2.0", "id": "w", "result": {} })
    );
}

#[tokio::test]
async fn who_watches_connections_is_told_of_each_once() {
    static SEEN: std::sync::LazyLock<Arc<Seen>> = std::sync::LazyLock::new(Arc::default);
    let mut world = World::new().await;
    let key = world.tenant().key(KeyKind::Agent.default_scopes(), None);
    let options = Options {
        methods: || methods().watcher(Arc::clone(&SEEN) as Arc<_>),
        ..Options::default()
    };
    let edge = Edge::with(&world, options).await;
    // One that never says who it is is none of theirs.
    let mut quiet = Socket::connect(&edge, &key).await;
    quiet.close().await;
    let mut socket = Socket::open(&edge, &key).await;
    let id = socket.ask("agent.greet", json!({ "name": "bo" })).await["result"]["from"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(edge.connections.of(world.tenants[0].id).len(), 1);
    socket.close().await;
    let told = || async { Some(SEEN.0.lock().unwrap().clone()).filter(|seen| seen.len() == 2) };
    let seen = eventually(Duration::from_secs(5), told).await.unwrap();
    assert_eq!(seen, [format!("opened {id}"), format!("closed {id}")]);
}
