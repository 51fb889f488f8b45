//! What a connection may use, and what happens to one that uses more.

use std::time::Duration;

use mcp_server::methods::{MethodCall, MethodInfo, MethodTable};
use mcp_server::ws::{Class, WebSocketConfig};
use rmcp::ErrorData;
use runtime::config::{ByteSize, Duration as Setting};
use serde_json::{Value, json};
use test_support::eventually;

use crate::support::{Edge, Heard, Options, Socket, World};

const SOON: Duration = Duration::from_secs(10);

/// Tells the caller `count` times as many bytes as it asks for.
async fn flood(call: MethodCall, params: Value) -> Result<Value, ErrorData> {
    let number = |name: &str| usize::try_from(params[name].as_u64().unwrap()).unwrap();
    let class = if params["droppable"] == true {
        Class::Droppable
    } else {
        Class::MustDeliver
    };
    let text = "x".repeat(number("bytes"));
    for index in 0..number("count") {
        call.connection
            .notify("flood", json!({ "index": index, "text": text }), class)
            .await;
    }
    Ok(json!({}))
}

async fn wait(call: MethodCall, _: Value) -> Result<Value, ErrorData> {
    call.cancel.cancelled().await;
    Ok(json!({}))
}

pub fn methods() -> MethodTable {
    let info = |name| MethodInfo {
        name,
        scope: None,
        summary: "A test's.",
        twin: None,
    };
    MethodTable::default()
        .method(info("test.flood"), flood)
        .method(info("test.wait"), wait)
}

async fn edge(websocket: WebSocketConfig) -> (World, Edge, String) {
    let mut world = World::new().await;
    let key = world.key();
    let options = Options {
        websocket,
        methods,
        ..Options::default()
    };
    let edge = Edge::with(&world, options).await;
    (world, edge, key)
}

fn errors(edge: &Edge, kind: &str) -> bool {
    edge.telemetry
        .render()
        .contains(&format!(r#"error_type="{kind}"}}"#))
}

#[tokio::test]
async fn messages_beyond_the_rate_are_refused_and_who_goes_on_is_closed() {
    let config = WebSocketConfig {
        rate: "1/s".parse().unwrap(),
        burst: 5,
        ..WebSocketConfig::default()
    };
    let (_world, edge, key) = edge(config).await;
    let mut socket = Socket::open(&edge, &key).await;
    let mut refused = 0;
    let closed = loop {
        socket
            .try_send_text(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)
            .await;
        match socket.hear().await {
            Heard::Close(code, reason) => break (code, reason),
            Heard::Text(answer) if answer.get("error").is_some() => {
                assert_eq!(answer["error"]["code"], -32029, "{answer}");
                refused += 1;
            }
            _ => {}
        }
    };
    assert_eq!(
        closed,
        (1008, "too many messages, in spite of refusals".to_owned())
    );
    assert_eq!(refused, 11);
    assert!(errors(&edge, "rate_limited"));
}

#[tokio::test]
async fn requests_beyond_those_that_may_run_are_refused() {
    let config = WebSocketConfig {
        max_in_flight: 2,
        ..WebSocketConfig::default()
    };
    let (_world, edge, key) = edge(config).await;
    let mut socket = Socket::open(&edge, &key).await;
    let first = socket.begin("test.wait", json!({})).await;
    socket.begin("test.wait", json!({})).await;
    let third = socket.ask("test.wait", json!({})).await;
    assert_eq!(
        third["error"]["message"],
        "too many requests of this connection run: try again in a moment"
    );
    socket
        .tell("notifications/cancelled", Some(json!({ "requestId": first })))
        .await;
    assert_eq!(socket.ask("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn a_tenant_and_a_replica_have_so_many_seats() {
    let config = WebSocketConfig {
        max_per_tenant: 2,
        max_connections: 3,
        ..WebSocketConfig::default()
    };
    let (_world, edge, key) = edge(config).await;
    let bearer = format!("Bearer {key}");
    let protocol = ("sec-websocket-protocol", "mcp.v1");
    let mine = [("authorization", bearer.as_str()), protocol];
    let knock = || async { Socket::knock(&edge.ws_url(), &mine).await };
    let (first, _second) = (knock().await.unwrap(), knock().await.unwrap());
    assert_eq!(knock().await.err().unwrap().0, 429);
    let mut later = Socket::knock(&edge.ws_url(), &[protocol]).await.unwrap();
    assert_eq!(knock().await.err().unwrap().0, 503);
    later.ask("authenticate", json!({ "key": key })).await;
    assert_eq!(
        later.closed().await,
        (1013, "this tenant has too many connections here".to_owned())
    );
    drop(first);
    let free = || async { knock().await.ok() };
    eventually(SOON, free).await.unwrap();
}

#[tokio::test]
async fn a_slow_reader_misses_news_and_then_its_connection() {
    let config = WebSocketConfig {
        send_queue: 8,
        send_queue_bytes: ByteSize::mib(1),
        ..WebSocketConfig::default()
    };
    let (_world, edge, key) = edge(config).await;
    // Nobody reads while the method tells: what waits is bounded, and the answer comes all the same.
    let mut socket = Socket::open(&edge, &key).await;
    let id = socket
        .begin(
            "test.flood",
            json!({ "count": 2_000, "bytes": 10_000, "droppable": true }),
        )
        .await;
    let dropped = || async { errors(&edge, "dropped").then_some(()) };
    eventually(SOON, dropped).await.unwrap();
    assert_eq!(socket.answer_to(id).await["result"], json!({}));
    // What must be delivered is not dropped.
    socket
        .begin("test.flood", json!({ "count": 2_000, "bytes": 10_000 }))
        .await;
    let slow = || async { errors(&edge, "slow_consumer").then_some(()) };
    eventually(SOON, slow).await.unwrap();
    let closed = || async { edge.connections.is_empty().then_some(()) };
    eventually(SOON, closed).await.unwrap();
}

#[tokio::test]
async fn who_says_nothing_or_answers_no_ping_is_disconnected_and_pings_are_timed() {
    let config = WebSocketConfig {
        ping_interval: Setting::from_millis(50),
        pong_timeout: Setting::from_millis(400),
        idle: Setting::from_millis(1_500),
        ..WebSocketConfig::default()
    };
    let (_world, edge, key) = edge(config).await;
    // Reading answers pings.
    let mut idle = Socket::open(&edge, &key).await;
    assert_eq!(
        idle.closed().await,
        (1001, "no message came for too long".to_owned())
    );
    let page = edge.telemetry.render();
    assert!(
        !page.contains(
            r#"mcp_websocket_ping_latency_seconds_count{service="mcp-server",environment="test"} 0"#
        ),
        "{page}"
    );
    assert!(
        page.contains("mcp_websocket_ping_latency_seconds_count"),
        "{page}"
    );
    let _dead = Socket::open(&edge, &key).await;
    let gone = || async { errors(&edge, "pong_timeout").then_some(()) };
    eventually(SOON, gone).await.unwrap();
}
