//! What reaches the endpoint that is no proper request.

use reqwest::{Method, StatusCode};
use runtime::config::ByteSize;
use serde_json::json;

use crate::support::{Answer, Edge, Options, World};

async fn post(edge: &Edge, key: &str, body: &str) -> Answer {
    let request = edge
        .client(key)
        .request(Method::POST)
        .header("content-type", "application/json");
    Answer::of(request.body(body.to_owned())).await
}

#[tokio::test]
async fn what_is_no_single_message_is_a_json_rpc_error() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    for (body, code) in [
        ("  [{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", -32_600),
        ("{\"jsonrpc\":", -32_700),
        ("\"hello\"", -32_600),
        ("{\"id\":1}", -32_600),
    ] {
        let answer = post(&edge, &key, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.message()["error"]["code"], code, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let mut world = World::new().await;
    let key = world.key();
    let mut options = Options::default();
    options.transport.max_body = ByteSize::kib(1);
    let edge = Edge::with(&world, options).await;
    let padded = |length: usize| format!("{}{}", "{\"id\":1}", " ".repeat(length - 8));
    assert_eq!(
        post(&edge, &key, &padded(1_025)).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(
        post(&edge, &key, &padded(1_024)).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn foreign_pages_and_foreign_host_names_are_refused() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let request = || edge.client(&key).new_era("tools/list", json!({}), &json!({}));
    for (name, value) in [
        ("origin", "https://evil.example.com"),
        ("origin", "null"),
        ("host", "evil.example.com"),
    ] {
        let answer = Answer::of(request().header(name, value)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
        assert_eq!(answer.message()["error"]["code"], -32_600);
    }
    let own = Answer::of(request().header("origin", "http://localhost:3000")).await;
    assert_eq!(own.status, StatusCode::OK);
}

#[tokio::test]
async fn more_requests_than_there_are_places_for_are_sent_away() {
    let mut world = World::new().await;
    let key = world.key();
    let mut options = Options::default();
    options.transport.max_requests = 1;
    let edge = Edge::with(&world, options).await;
    let mut client = edge.client(&key);
    client.initialize().await;
    let stream = client.listen().await;
    let refused = Answer::of(client.new_era("tools/list", json!({}), &json!({}))).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    drop(stream);
    let free = || async {
        Answer::of(client.new_era("tools/list", json!({}), &json!({})))
            .await
            .status
            == StatusCode::OK
    };
    test_support::eventually(std::time::Duration::from_secs(5), free)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_request_of_the_stateless_era_needs_its_headers() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let request = edge
        .client(&key)
        .new_era("tools/call", json!({ "name": "acme_get" }), &json!({}));
    let (client, built) = request.build_split();
    let mut built = built.unwrap();
    built
        .headers_mut()
        .insert("mcp-name", "acme_add".parse().unwrap());
    let answer = client.execute(built).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let error: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["code"], -32_020);
}

#[tokio::test]
async fn a_call_that_is_refused_at_the_door_leaves_a_record_and_is_counted() {
    let mut world = World::new().await;
    let key = world.key();
    let mut options = Options::default();
    options.transport.max_body = ByteSize::kib(1);
    let edge = Edge::with(&world, options).await;
    let client = edge.client(&key);
    let call = |arguments: serde_json::Value| {
        let params = json!({ "name": "acme_get", "arguments": arguments });
        json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params })
    };
    // A session that is not there, none at all, a body that is too large, and arguments that are no object.
    let gone = client.in_session(Some("5f2c1e9a-8d7b-4f60-9f1e-000000000000".to_owned()));
    let large = json!({ "text": "x".repeat(2_000) });
    let list = json!({ "name": "acme_get", "arguments": [] });
    for (request, status, told) in [
        (gone.old(&call(json!({}))), StatusCode::NOT_FOUND, 404),
        (client.old(&call(json!({}))), StatusCode::BAD_REQUEST, 400),
        (
            client.new_era(
                "tools/call",
                json!({ "name": "acme_get", "arguments": large }),
                &json!({}),
            ),
            StatusCode::PAYLOAD_TOO_LARGE,
            413,
        ),
        (
            client.new_era("tools/call", list, &json!({})),
            StatusCode::OK,
            400,
        ),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let record = edge.audit.all().pop().unwrap();
        assert_eq!((record.action.as_str(), record.status), ("tools/call", told));
    }
    assert_eq!(edge.audit.all().len(), 4);
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn params_that_do_not_fit_their_method_are_told_by_field_and_leave_a_record() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let wrong = [
        ("tools/call", json!({ "name": 7 }), "name: invalid type"),
        ("tools/call", json!({ "arguments": {} }), "missing field `name`"),
        (
            "tools/call",
            json!({ "name": "acme_get", "arguments": [] }),
            "arguments: invalid type",
        ),
    ];
    let mut session = edge.client(&key);
    session.initialize().await;
    for (method, params, told) in wrong {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let answer = Answer::of(session.old(&body)).await.message();
        assert_eq!(answer["error"]["code"], -32_602, "{body}: {answer}");
        assert_eq!(answer["id"], 7);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(method) && message.contains(told), "{message}");
    }
    let records = edge.audit.all();
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.action.as_str(), record.tool.as_str(), record.status))
        .collect();
    let refused = |tool| ("tools/call", tool, 400);
    assert_eq!(told, [refused(""), refused(""), refused("acme_get")]);
}
