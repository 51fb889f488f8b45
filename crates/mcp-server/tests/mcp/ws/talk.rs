//! What is said over a connection.

use frames::message::{Content, Message};
use frames::{Form, Kind};
use serde_json::{Value, json};
use test_support::{Reply, eventually};

use crate::support::{Edge, Heard, Socket, World};

async fn world() -> (World, Edge, String) {
    let mut world = World::new().await;
    let key = world.key();
    world.upstream.on(
        "GET",
        "/items/1",
        Reply::json(200, &json!({ "id": 1, "name": "one" })),
    );
    let edge = Edge::start(&world).await;
    (world, edge, key)
}

#[tokio::test]
async fn a_tool_is_called_in_text_and_in_binary_under_both_of_its_names_and_answers_the_same() {
    let (_world, edge, key) = world().await;
    let mut answers = Vec::new();
    for form in [Form::Text, Form::Binary] {
        let mut socket = Socket::open_in(&edge, &key, form).await;
        for (method, list) in [("tools/call", "tools/list"), ("tool.execute", "tool.list")] {
            let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
            let answer = socket.ask(method, params).await;
            let result = &answer["result"];
            assert_eq!(result["isError"], false, "{answer}");
            assert!(result["_meta"]["io.devmesh/request-id"].is_string());
            answers.push(result["structuredContent"].clone());
            let tools = socket.ask(list, json!({})).await;
            let names: Vec<_> = tools["result"]["tools"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tool| &tool["name"])
                .collect();
            assert_eq!(names, ["acme_add", "acme_get"]);
        }
    }
    assert_eq!(answers, vec![json!({ "id": 1, "name": "one" }); 4]);
    let record = edge.audit.with_outcome("ok").await;
    assert_eq!(
        (record.action.as_str(), record.tool.as_str()),
        ("tools/call", "acme_get")
    );
    let page = edge.telemetry.render();
    let expected = r#"endpoint="tools/call",method="WS",tool="acme_get",status="200"} 4"#;
    assert!(page.contains(expected), "{page}");
}

#[tokio::test]
async fn the_lifecycle_of_mcp_holds_and_a_connection_has_a_name() {
    let (_world, edge, key) = world().await;
    let mut socket = Socket::connect(&edge, &key).await;
    let early = socket.ask("tools/list", json!({})).await;
    assert_eq!(
        early["error"],
        json!({ "code": -32600, "message": "initialize comes first" })
    );
    assert_eq!(socket.ask("ping", json!({})).await["result"], json!({}));
    let wrong = socket.ask("initialize", json!({ "protocolVersion": 7 })).await;
    assert_eq!(wrong["error"]["code"], -32602);
    assert!(
        wrong["error"]["message"]
            .as_str()
            .unwrap()
            .contains("protocolVersion"),
        "{wrong}"
    );
    let begun = socket.initialize(json!({})).await;
    assert_eq!(begun["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(begun["result"]["serverInfo"]["name"], "devmesh");
    let id = begun["result"]["_meta"]["io.devmesh/connection"]["id"]
        .as_str()
        .unwrap();
    assert_eq!(
        edge.connections
            .find(id)
            .unwrap()
            .initialized()
            .unwrap()
            .client_info
            .name,
        "test"
    );
    let again = socket.ask("initialize", json!({})).await;
    assert_eq!(
        again["error"]["message"],
        "initialize: this connection is initialized"
    );
    let nobody = socket.ask("task.dance", json!({})).await;
    assert_eq!(
        nobody["error"],
        json!({ "code": -32601, "message": "nobody answers task.dance" })
    );
    let stateless = socket.ask("server/discover", json!({})).await;
    assert_eq!(stateless["error"]["code"], -32601);
    let unfit = socket.ask("tools/call", json!({ "name": 7 })).await;
    assert_eq!(unfit["error"]["code"], -32602);
    assert!(
        unfit["error"]["message"].as_str().unwrap().contains("name"),
        "{unfit}"
    );
    for method in ["resources/list", "prompts/list"] {
        assert!(
            socket.ask(method, json!({})).await.get("result").is_some(),
            "{method}"
        );
    }
    let id = id.to_owned();
    socket.close().await;
    assert_eq!(socket.closing().await, Heard::Close(1000, String::new()));
    let gone = || async { edge.connections.find(&id).is_none().then_some(()) };
    eventually(std::time::Duration::from_secs(5), gone).await.unwrap();
}

#[tokio::test]
async fn a_batch_is_answered_together_with_what_was_no_message_in_it() {
    let (_world, edge, key) = world().await;
    for form in [Form::Text, Form::Binary] {
        let mut socket = Socket::open_in(&edge, &key, form).await;
        let batch = json!([
            { "jsonrpc": "2.0", "id": "a", "method": "ping" },
            { "jsonrpc": "2.0", "method": "notifications/initialized" },
            7,
            { "jsonrpc": "2.0", "id": "b", "method": "tool.execute", "params": { "name": "acme_get", "arguments": { "id": 1 } } },
            { "jsonrpc": "2.0", "id": "c", "method": "nobody.knows" },
        ]);
        socket.send_text(&batch.to_string()).await;
        let Value::Array(answers) = socket.hear().await.message() else {
            panic!("no batch")
        };
        let of = |id: Value| answers.iter().find(|answer| answer["id"] == id).unwrap();
        assert_eq!(answers.len(), 4);
        assert_eq!(of(json!("a"))["result"], json!({}));
        assert_eq!(of(json!("b"))["result"]["structuredContent"]["name"], "one");
        assert_eq!(of(json!("c"))["error"]["code"], -32601);
        assert_eq!(of(Value::Null)["error"]["code"], -32600);
    }
}

#[tokio::test]
async fn a_large_answer_is_compressed_and_a_ping_frame_gets_its_pong() {
    let (world, edge, key) = world().await;
    let large = "mesh ".repeat(2_000);
    world
        .upstream
        .on("GET", "/items/2", Reply::json(200, &json!({ "text": large })));
    let mut socket = Socket::open_in(&edge, &key, Form::Binary).await;
    let id = socket
        .begin(
            "tool.execute",
            json!({ "name": "acme_get", "arguments": { "id": 2 } }),
        )
        .await;
    let Heard::Binary(received) = socket.hear().await else {
        panic!("no binary frame")
    };
    assert!(received.compressed);
    assert_eq!((received.kind, received.sequence), (Kind::Response, 2));
    let Ok(Content::One(Message::Response { id: of, result })) = received.content else {
        panic!("{received:?}")
    };
    assert_eq!(of, frames::Id::Number(id));
    assert_eq!(result["structuredContent"]["text"], large);
    socket
        .send_binary(&frames::Writer::heartbeat(Kind::Ping, b"are you there"))
        .await;
    let Heard::Binary(pong) = socket.hear().await else {
        panic!("no binary frame")
    };
    assert_eq!(
        (pong.kind, pong.content),
        (Kind::Pong, Ok(Content::Pong("are you there".into())))
    );
    let page = edge.telemetry.render();
    for series in [
        r#"mcp_websocket_messages_sent_total{service="mcp-server",environment="test",message_type="response",compressed="true",protocol_version="1"} 1"#,
        r#"mcp_websocket_messages_received_total{service="mcp-server",environment="test",message_type="request",protocol_version="1"} 2"#,
        r#"mcp_websocket_messages_received_total{service="mcp-server",environment="test",message_type="ping",protocol_version="1"} 1"#,
        r#"mcp_websocket_compression_ratio_bucket{service="mcp-server",environment="test",le="0.9"} 0"#,
        r#"mcp_websocket_compression_ratio_bucket{service="mcp-server",environment="test",le="1.0"} 1"#,
        r#"mcp_websocket_connections_active{service="mcp-server",environment="test",protocol_version="1",agent_type="none"} 1"#,
        r#"mcp_websocket_protocol_version{service="mcp-server",environment="test",protocol_version="1"} 1"#,
        r#"mcp_websocket_connections_total{service="mcp-server",environment="test",protocol_version="1",status="established"} 1"#,
        r#"http_streams_active{service="mcp-server",environment="test",path="/ws"} 1"#,
    ] {
        assert!(page.contains(series), "{series}\n{page}");
    }
}

#[tokio::test]
async fn an_answer_that_is_larger_than_a_message_may_be_is_refused_with_its_size() {
    let (world, edge, key) = world().await;
    let large = Reply::json(200, &json!({ "text": "x".repeat(700_000) }));
    world.upstream.on("GET", "/items/3", large);
    let mut socket = Socket::open(&edge, &key).await;
    let params = json!({ "name": "acme_get", "arguments": { "id": 3 } });
    let refused = socket.ask("tools/call", params).await;
    assert_eq!(refused["error"]["code"], -32030, "{refused}");
    assert!(
        refused["error"]["data"]["bytes"].as_u64().unwrap() > 1 << 20,
        "{refused}"
    );
    assert_eq!(socket.ask("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn what_was_received_is_not_taken_twice_and_a_gap_is_told() {
    let (_world, edge, key) = world().await;
    let mut socket = Socket::open(&edge, &key).await;
    let numbered = |sequence: u64, id: i64| {
        json!({ "jsonrpc": "2.0", "seq": sequence, "id": id, "method": "ping" }).to_string()
    };
    socket.send_text(&numbered(1, 101)).await;
    assert_eq!(socket.hear().await.message()["id"], 101);
    socket.send_text(&numbered(1, 102)).await;
    socket.send_text(&numbered(5, 103)).await;
    let gap = socket.hear().await.message();
    assert_eq!(
        (&gap["method"], &gap["params"]),
        (&json!("notifications/gap"), &json!({ "from": 2, "to": 4 }))
    );
    assert_eq!(socket.hear().await.message()["id"], 103);
    let page = edge.telemetry.render();
    for kind in ["gap", "repeated"] {
        assert!(page.contains(&format!(r#"error_type="{kind}"}} 1"#)), "{page}");
    }
}

#[tokio::test]
async fn whoever_listens_hears_that_the_tools_have_changed() {
    let (mut world, edge, key) = world().await;
    let mut socket = Socket::open(&edge, &key).await;
    socket.ask("tools/list", json!({})).await;
    let tenant = world.tenant();
    let more = crate::support::tool(&tenant.provider, "acme_more", "GET", "/more");
    edge.catalogue.put(domain::Entity::Tool(Box::new(more)));
    assert_eq!(
        socket.hear().await.message()["method"],
        "notifications/tools/list_changed"
    );
}
