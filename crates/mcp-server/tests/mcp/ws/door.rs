//! Who may knock, and how connections end.

use std::time::Duration;

use mcp_server::ws::WebSocketConfig;
use runtime::config::Duration as Setting;
use serde_json::json;
use test_support::{Gate, Reply};

use crate::support::{Edge, Options, Socket, World, revoked};

const SOON: Duration = Duration::from_secs(5);
const MCP: (&str, &str) = ("sec-websocket-protocol", "mcp.v1");

#[tokio::test]
async fn a_handshake_is_refused_with_the_reason() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let bearer = format!("Bearer {key}");
    let mine = ("authorization", bearer.as_str());
    let wrong = ("authorization", "Bearer dm_wrong");
    for (headers, status, words) in [
        (vec![mine], 400, "Sec-WebSocket-Protocol: mcp.v1"),
        (
            vec![mine, ("sec-websocket-protocol", "mcp.v2, graphql-ws")],
            400,
            "only mcp.v1 is",
        ),
        (vec![wrong, MCP], 401, "valid API key"),
        (vec![mine, MCP, ("origin", "https://evil.example")], 403, "Origin"),
        (vec![mine, MCP, ("origin", "null")], 403, "Origin"),
        (vec![mine, MCP, ("host", "evil.example")], 403, "Host"),
        (
            vec![mine, MCP, ("sec-websocket-version", "7")],
            400,
            "Sec-WebSocket-Version",
        ),
    ] {
        let (actual, body) = Socket::knock(&edge.ws_url(), &headers).await.err().unwrap();
        assert_eq!(actual, status, "{headers:?}: {body}");
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(words), "{body}");
    }
    let plain = reqwest::get(edge.ws_url().replacen("ws", "http", 1))
        .await
        .unwrap();
    assert_eq!(plain.status(), 400);
    let admitted = [
        mine,
        ("sec-websocket-protocol", "mcp.v9, mcp.v1"),
        ("origin", "http://localhost:5173"),
    ];
    Socket::knock(&edge.ws_url(), &admitted).await.unwrap();
    let page = edge.telemetry.render();
    assert!(
        page.contains(r#"protocol_version="1",status="rejected"} 8"#),
        "{page}"
    );
}

#[tokio::test]
async fn a_key_comes_with_the_first_message_and_never_in_the_address() {
    let mut world = World::new().await;
    let key = world.key();
    let options = Options {
        websocket: WebSocketConfig {
            authenticate_within: Setting::from_millis(300),
            ..WebSocketConfig::default()
        },
        ..Options::default()
    };
    let edge = Edge::with(&world, options).await;
    let url = format!("{}?key={key}&access_token={key}", edge.ws_url());

    let mut silent = Socket::knock(&url, &[MCP]).await.unwrap();
    assert_eq!(
        silent.closed().await,
        (1008, "no valid `authenticate` came in time".to_owned())
    );

    let mut hasty = Socket::knock(&url, &[MCP]).await.unwrap();
    let refused = hasty.ask("initialize", json!({})).await;
    assert_eq!(refused["error"]["code"], -32000);
    assert_eq!(
        hasty.closed().await,
        (1008, "the first message has to be `authenticate`".to_owned())
    );

    let mut wrong = Socket::knock(&url, &[MCP]).await.unwrap();
    let refused = wrong.ask("authenticate", json!({ "key": "dm_nobody" })).await;
    assert_eq!(
        refused["error"],
        json!({ "code": -32000, "message": "this needs a valid API key" })
    );
    assert_eq!(
        wrong.closed().await,
        (1008, "this needs a valid API key".to_owned())
    );

    let mut right = Socket::knock(&url, &[MCP]).await.unwrap();
    assert_eq!(
        right.ask("authenticate", json!({ "key": key })).await["result"],
        json!({})
    );
    let again = right.ask("authenticate", json!({ "key": key })).await;
    assert_eq!(
        again["error"]["message"],
        "authenticate: this connection is authenticated"
    );
    assert!(right.initialize(json!({})).await.get("result").is_some());
    assert!(right.ask("tools/list", json!({})).await.get("result").is_some());
    let page = edge.telemetry.render();
    assert!(page.contains(r#"mcp_auth_attempts_total{service="mcp-server",environment="test",method="message",outcome="success"} 1"#), "{page}");
    for kind in ["authentication_timeout", "authentication_failed"] {
        assert!(page.contains(&format!(r#"error_type="{kind}"}}"#)), "{page}");
    }
}

#[tokio::test]
async fn a_connection_ends_when_its_key_is_revoked() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let mut socket = Socket::open(&edge, &key).await;
    edge.catalogue.put(revoked(&world.tenants[0].keys[0]));
    assert_eq!(
        socket.closed().await,
        (1008, "the key is no longer valid".to_owned())
    );
}

#[tokio::test]
async fn a_replica_that_stops_says_so_and_lets_calls_end() {
    let mut world = World::new().await;
    let key = world.key();
    let gate = Gate::new();
    world.upstream.on(
        "GET",
        "/items/1",
        Reply::json(200, &json!({ "late": true })).held_by(&gate),
    );
    let edge = Edge::start(&world).await;
    let mut socket = Socket::open(&edge, &key).await;
    let id = socket
        .begin(
            "tools/call",
            json!({ "name": "acme_get", "arguments": { "id": 1 } }),
        )
        .await;
    world.upstream.wait_for_requests(1, SOON).await.unwrap();
    edge.begin_to_stop();
    let notice = socket.hear().await.message();
    assert_eq!(notice["method"], "notifications/closing");
    let wait = notice["params"]["reconnectAfterMs"].as_u64().unwrap();
    assert!((1_000..2_000).contains(&wait), "{wait}");
    gate.open();
    assert_eq!(
        socket.answer_to(id).await["result"]["structuredContent"]["late"],
        true
    );
    assert_eq!(
        socket.closed().await,
        (1001, "this replica stops: connect again".to_owned())
    );
    edge.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_calls_with_it() {
    let mut world = World::new().await;
    let key = world.key();
    world.upstream.on("GET", "/items/1", Reply::hang());
    let edge = Edge::start(&world).await;
    let mut socket = Socket::open(&edge, &key).await;
    socket
        .begin(
            "tools/call",
            json!({ "name": "acme_get", "arguments": { "id": 1 } }),
        )
        .await;
    world.upstream.wait_for_requests(1, SOON).await.unwrap();
    drop(socket);
    edge.audit.with_outcome("cancelled").await;
}
