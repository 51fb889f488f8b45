//! Tool calls: what they answer, how they stop, and what they leave behind.

use std::time::Duration;

use domain::{KeyKind, Scope};
use serde_json::json;
use sha2::{Digest, Sha256};
use test_support::{Reply, eventually};
use tracing::subscriber::DefaultGuard;

use crate::support::{Answer, Edge, Events, Options, Tenant, World, tool};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_call_answers_text_and_structure_and_leaves_a_record_without_its_arguments() {
    let mut world = World::new().await;
    let key = world.key();
    world.upstream.on(
        "GET",
        "/items/1",
        Reply::json(200, &json!({ "id": 1, "name": "one" })),
    );
    let edge = Edge::start(&world).await;
    let request = edge.client(&key).new_era(
        "tools/call",
        json!({ "name": "acme_get", "arguments": { "id": 1 } }),
        &json!({}),
    );
    let answer = Answer::of(request.header("x-request-id", "quote-me")).await;
    let result = &answer.message()["result"];
    assert_eq!(result["structuredContent"], json!({ "id": 1, "name": "one" }));
    assert_eq!(result["isError"], false);
    assert_eq!(result["content"][0]["text"], r#"{"id":1,"name":"one"}"#);
    assert_eq!(result["_meta"]["io.devmesh/request-id"], "quote-me");

    let record = edge.audit.with_outcome("ok").await;
    let tenant = &world.tenants[0];
    assert_eq!(record.tenant_id, tenant.id.to_string());
    assert_eq!(record.key_id, tenant.keys[0].id.to_string());
    assert_eq!(
        (
            record.action.as_str(),
            record.tool.as_str(),
            record.provider.as_str()
        ),
        ("tools/call", "acme_get", "acme")
    );
    assert_eq!(
        (record.status, record.request_bytes, record.response_bytes),
        (200, 8, 21)
    );
    assert_eq!(
        record.arguments_sha256,
        hex::encode(Sha256::digest(r#"{"id":1}"#))
    );
    assert_eq!(record.request_id, "quote-me");
    let page = edge.telemetry.render();
    assert!(
        page.contains(r#"endpoint="tools/call",method="POST",tool="acme_get",status="200"} 1"#),
        "{page}"
    );
    assert!(
        page.contains(r#"mcp_requests_active{service="mcp-server",environment="test",tool="acme_get"} 0"#),
        "{page}"
    );
}

#[tokio::test]
async fn a_call_that_cannot_be_recorded_is_refused_before_it_reaches_the_upstream() {
    let mut world = World::new().await;
    let key = world.key();
    world
        .upstream
        .on("GET", "/items/1", Reply::json(200, &json!({ "id": 1 })));
    let edge = Edge::start(&world).await;
    edge.audit.full.store(true, std::sync::atomic::Ordering::SeqCst);
    let call = || {
        let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
        Answer::of(edge.client(&key).new_era("tools/call", params, &json!({})))
    };
    let refused = call().await;
    let result = &refused.message()["result"];
    assert_eq!(result["isError"], true, "{result}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("cannot record this call") && text.contains("try again later"),
        "{text}"
    );
    assert!(world.upstream.requests_to("/items/1").is_empty());
    assert!(edge.audit.all().is_empty());
    let page = edge.telemetry.render();
    assert!(
        page.contains(r#"endpoint="tools/call",method="POST",tool="acme_get",status="503"} 1"#),
        "{page}"
    );
    edge.audit.full.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(call().await.message()["result"]["isError"], false);
}

#[tokio::test]
async fn an_unknown_tool_and_another_tenants_tool_are_the_same_error() {
    let mut world = World::new().await;
    let key = world.key();
    let mut stranger = Tenant::new(&world.upstream);
    stranger.tools = vec![tool(&stranger.provider, "secret_tool", "GET", "/secret")];
    world.tenants.push(stranger);
    let edge = Edge::start(&world).await;
    for name in ["secret_tool", "no_such_tool"] {
        let error = edge.client(&key).call(name, json!({})).await["error"].clone();
        assert_eq!(
            error,
            json!({ "code": -32_602, "message": format!("Unknown tool: {name}") })
        );
    }
    let records = edge.audit.all();
    assert_eq!(records.len(), 2);
    assert!(
        records
            .iter()
            .all(|record| (record.outcome.as_str(), record.status) == ("unknown_tool", 404))
    );
    let page = edge.telemetry.render();
    assert!(
        page.contains(r#"tool="unknown",status="404"} 2"#),
        "a made-up name is no label: {page}"
    );
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_told_to_the_model_and_never_leave() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let answer = edge.client(&key).call("acme_get", json!({ "id": "one" })).await;
    assert_eq!(answer["result"]["isError"], true);
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("id") && text.contains("integer"), "{text}");
    assert_eq!(edge.audit.with_outcome("invalid_arguments").await.status, 400);
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused_and_the_refusal_is_on_record() {
    let mut world = World::new().await;
    let reader = world.tenant().key([Scope::ToolsRead].into(), None);
    let edge = Edge::start(&world).await;
    let answer = edge.client(&reader).call("acme_get", json!({ "id": 1 })).await;
    assert_eq!(answer["error"]["code"], -32_003);
    assert_eq!(answer["error"]["data"], json!({ "required_scope": "tools:call" }));
    let record = edge.audit.with_outcome("forbidden").await;
    assert_eq!((record.status, record.tool.as_str()), (403, "acme_get"));
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn a_cancelled_notification_stops_the_call_of_a_session() {
    let mut world = World::new().await;
    let key = world.key();
    world.upstream.on("GET", "/items/1", Reply::hang());
    let edge = Edge::start(&world).await;
    let mut client = edge.client(&key);
    client.initialize().await;
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params });
    let mut stream = Events::of(client.old(&call)).await;
    world.upstream.wait_for_requests(1, SOON).await.unwrap();
    let cancelled =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } });
    assert_eq!(Answer::of(client.old(&cancelled)).await.status, 202);
    assert_eq!(edge.audit.with_outcome("cancelled").await.status, 499);
    assert!(
        stream.message().await.is_none(),
        "a cancelled request is not answered"
    );
}

#[tokio::test]
async fn closing_the_connection_stops_the_call_of_the_stateless_era_but_not_of_a_session() {
    let mut world = World::new().await;
    let key = world.key();
    world.upstream.on("GET", "/items/1", Reply::hang());
    let edge = Edge::start(&world).await;
    let mut client = edge.client(&key);
    client.initialize().await;
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params });
    drop(Events::of(client.old(&call)).await);
    world.upstream.wait_for_requests(1, SOON).await.unwrap();
    let stateless = tokio::spawn(Answer::of(client.new_era("tools/call", params, &json!({}))));
    world.upstream.wait_for_requests(2, SOON).await.unwrap();
    stateless.abort();
    edge.audit.with_outcome("cancelled").await;
    assert_eq!(edge.audit.all().len(), 1, "the session's call goes on");
}

#[tokio::test]
async fn the_trace_that_meta_names_goes_on_to_the_upstream() {
    let mut world = World::new().await;
    let key = world.key();
    world.upstream.on("GET", "/items/1", Reply::json(200, &json!({})));
    let edge = Edge::start(&world).await;
    let _inside: DefaultGuard = tracing::dispatcher::set_default(&edge.telemetry.dispatch());
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    let meta = json!({ "traceparent": format!("00-{trace_id}-b7ad6b7169203331-01") });
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 }, "_meta": meta });
    let request = edge.client(&key).new_era("tools/call", params, &json!({}));
    let other = "00-11111111111111111111111111111111-2222222222222222-01";
    let answer = Answer::of(request.header("traceparent", other)).await.message();
    assert_eq!(answer["result"]["_meta"]["io.devmesh/trace-id"], trace_id);
    let sent = world.upstream.requests()[0]
        .header("traceparent")
        .unwrap()
        .to_owned();
    assert!(sent.contains(trace_id), "{sent}");
    assert_eq!(edge.audit.with_outcome("ok").await.trace_id, trace_id);
}

#[tokio::test]
async fn a_destructive_tool_waits_while_the_control_plane_is_lost() {
    let mut world = World::new().await;
    let destroy = tool(
        &world.tenant().provider.clone(),
        "acme_destroy",
        "DELETE",
        "/items",
    );
    world.tenant().tools.push(destroy);
    let key = world.key();
    world.upstream.on("*", "/items*", Reply::json(200, &json!({})));
    let mut options = Options::default();
    options.catalogue.destructive_max_age = runtime::config::Duration::from_millis(200);
    let edge = Edge::with(&world, options).await;
    let client = edge.client(&key);
    edge.catalogue.heard();
    assert_eq!(
        client.call("acme_destroy", json!({})).await["result"]["isError"],
        false
    );
    let stale = || async { edge.catalogue.age() > Duration::from_millis(200) };
    eventually(SOON, stale).await.unwrap();
    assert_eq!(
        client.call("acme_destroy", json!({})).await["result"]["isError"],
        true
    );
    assert_eq!(
        client.call("acme_get", json!({ "id": 1 })).await["result"]["isError"],
        false
    );
    assert_eq!(edge.audit.with_outcome("unavailable").await.status, 503);
}

#[tokio::test]
async fn more_calls_than_there_are_places_for_are_refused_at_once() {
    let mut world = World::new().await;
    let key = world.tenant().key(KeyKind::Agent.default_scopes(), None);
    world.upstream.on("GET", "/items/1", Reply::hang());
    let mut options = Options::default();
    options.engine.max_calls = 1;
    let edge = Edge::with(&world, options).await;
    let client = edge.client(&key);
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
    let first = tokio::spawn(Answer::of(client.new_era("tools/call", params, &json!({}))));
    world.upstream.wait_for_requests(1, SOON).await.unwrap();
    let answer = client.call("acme_get", json!({ "id": 1 })).await;
    assert_eq!(answer["result"]["isError"], true);
    assert_eq!(edge.audit.with_outcome("unavailable").await.status, 503);
    first.abort();
}

#[tokio::test]
async fn a_call_in_flight_is_answered_before_the_service_stops() {
    let mut world = World::new().await;
    let key = world.key();
    let gate = test_support::Gate::new();
    world.upstream.on(
        "GET",
        "/items/1",
        Reply::json(200, &json!({ "id": 1 })).held_by(&gate),
    );
    let edge = Edge::start(&world).await;
    let mut client = edge.client(&key);
    client.initialize().await;
    let mut idle = client.listen().await;
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params });
    let mut stream = Events::of(client.old(&call)).await;
    world.upstream.wait_for_requests(1, SOON).await.unwrap();
    let (_, answer) = tokio::join!(edge.stop(), async {
        while idle.next().await.is_some() {}
        gate.open();
        stream.message().await.unwrap()
    });
    assert_eq!(answer["result"]["structuredContent"], json!({ "id": 1 }));
}
