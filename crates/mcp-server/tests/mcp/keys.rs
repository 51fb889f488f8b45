//! Who may call, and what happens when they may no more.

use std::time::{Duration, Instant};

use domain::{Clock, KeyKind, SystemClock};
use reqwest::{Method, StatusCode};
use serde_json::json;
use test_support::Reply;

use crate::support::{Answer, Edge, Events, World, revoked};

#[tokio::test]
async fn a_request_without_a_valid_key_is_told_only_that_it_needs_one() {
    let mut world = World::new().await;
    let key = world.key();
    let past = SystemClock.now() - chrono::TimeDelta::seconds(1);
    let expired = world.tenant().key(KeyKind::Agent.default_scopes(), Some(past));
    let edge = Edge::start(&world).await;
    let last = if key.ends_with('0') { '1' } else { '0' };
    let wrong_secret = format!("{}{last}", &key[..key.len() - 1]);
    let mut bodies = Vec::new();
    for bad in ["", "nonsense", &wrong_secret, &expired] {
        let answer = Answer::of(edge.client(bad).request(Method::POST).json(&json!({}))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{bad}");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert_eq!(answer.message()["error"]["code"], -32_000);
        bodies.push(answer.text);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    let page = edge.telemetry.render();
    for outcome in ["missing", "malformed", "unknown", "expired"] {
        assert!(
            page.contains(&format!("outcome=\"{outcome}\"}} 1")),
            "{outcome} in {page}"
        );
    }
}

#[tokio::test]
async fn the_key_may_come_as_bearer_or_as_x_api_key() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    assert!(edge.client(&key).ask_new("tools/list", json!({})).await["result"]["tools"].is_array());
    let anonymous = edge.client("").new_era("tools/list", json!({}), &json!({}));
    let answer = Answer::of(anonymous.header("x-api-key", &key)).await;
    assert!(answer.message()["result"]["tools"].is_array());
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_its_next_request_inside_a_session() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let mut client = edge.client(&key);
    client.initialize().await;
    edge.catalogue.put(revoked(&world.tenants[0].keys[0]));
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    assert_eq!(
        Answer::of(client.old(&list)).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn what_a_revoked_key_holds_open_is_closed_within_a_second() {
    let mut world = World::new().await;
    let (key, other) = (world.key(), world.key());
    world.upstream.on("GET", "/items/1", Reply::hang());
    let edge = Edge::start(&world).await;
    let (mut client, mut bystander) = (edge.client(&key), edge.client(&other));
    client.initialize().await;
    bystander.initialize().await;
    let mut session = client.listen().await;
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    let mut subscription = Events::of(client.new_era("subscriptions/listen", wanted, &json!({}))).await;
    let hanging = client.new_era(
        "tools/call",
        json!({ "name": "acme_get", "arguments": { "id": 1 } }),
        &json!({}),
    );
    let hanging = tokio::spawn(Answer::of(hanging));
    world
        .upstream
        .wait_for_requests(1, Duration::from_secs(5))
        .await
        .unwrap();

    let began = Instant::now();
    edge.catalogue.put(revoked(&world.tenants[0].keys[0]));
    while session.next().await.is_some() {}
    while subscription.next().await.is_some() {}
    let answer = hanging.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(answer.message()["result"]["isError"], true);
    assert_eq!(edge.audit.with_outcome("cancelled").await.status, 499);
    assert!(bystander.ask("tools/list", json!({})).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn the_streams_of_a_key_end_when_it_expires() {
    let mut world = World::new().await;
    let soon = SystemClock.now() + chrono::TimeDelta::milliseconds(1_500);
    let key = world.tenant().key(KeyKind::Agent.default_scopes(), Some(soon));
    let edge = Edge::start(&world).await;
    let mut client = edge.client(&key);
    client.initialize().await;
    let mut session = client.listen().await;
    while session.next().await.is_some() {}
    assert!(SystemClock.now() >= soon);
}
