//! Sessions of the older eras: whose they are, when they end, and what is replayed.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use runtime::config::Duration as Setting;
use serde_json::{Value, json};
use test_support::{Gate, Reply, eventually};

use crate::support::{Answer, Client, Edge, Events, Lost, Options, World};

const SOON: Duration = Duration::from_secs(5);

fn list() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} })
}

/// The line of the metrics page that says how many sessions are open.
fn sessions_gauge(open: usize) -> String {
    let labels = r#"service="mcp-server",environment="test",mcp_protocol_version="2025-11-25""#;
    format!("mcp_sessions_active{{{labels}}} {open}\n")
}

/// Two replicas with one cache.
async fn two(world: &World) -> (Edge, Edge) {
    let options = Options::default();
    (
        Edge::with(world, options.clone()).await,
        Edge::with(world, options).await,
    )
}

/// A call whose answer waits for the gate: the stream, and the id of its first event.
async fn waiting_call(client: &Client, world: &World) -> (Gate, Events, String) {
    let gate = Gate::new();
    world.upstream.on(
        "GET",
        "/items/1",
        Reply::json(200, &json!({ "id": 1 })).held_by(&gate),
    );
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
    let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params });
    let mut stream = Events::of(client.old(&call)).await;
    let first = stream.next().await.unwrap();
    world.upstream.wait_for_requests(1, SOON).await.unwrap();
    (gate, stream, first.id.unwrap())
}

#[tokio::test]
async fn another_key_is_told_of_a_session_exactly_what_it_is_told_of_none() {
    let mut world = World::new().await;
    let (owner, other) = (world.key(), world.key());
    let (edge, elsewhere) = two(&world).await;
    let mut client = edge.client(&owner);
    client.initialize().await;

    let mut thief = edge.client(&other);
    let mut told = Vec::new();
    for id in [
        client.session.clone(),
        Some("5f2c1e9a-8d7b-4f60-9f1e-000000000000".to_owned()),
        Some("no-uuid".to_owned()),
    ] {
        thief.session = id;
        for url in [&edge.url, &elsewhere.url] {
            let thief = thief.at(url);
            let posted = Answer::of(thief.old(&list())).await;
            assert_eq!(posted.status, StatusCode::NOT_FOUND);
            told.push(posted.text);
            assert_eq!(thief.delete().await, StatusCode::NOT_FOUND);
            let get = thief
                .request(Method::GET)
                .header("mcp-protocol-version", "2025-11-25");
            assert_eq!(Answer::of(get).await.status, StatusCode::NOT_FOUND);
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    // And the owner's session has not suffered.
    assert!(client.ask("tools/list", json!({})).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn a_session_goes_on_at_another_replica_and_ends_on_both_when_one_closes_it() {
    let mut world = World::new().await;
    let key = world.key();
    let (one, other) = two(&world).await;
    let mut client = one.client(&key);
    client.initialize().await;
    let at_other = client.at(&other.url);
    assert_eq!(
        at_other.ask("tools/list", json!({})).await["result"]["tools"][0]["name"],
        "acme_add"
    );

    let mut stream = client.listen().await;
    assert_eq!(at_other.delete().await, StatusCode::ACCEPTED);
    for client in [&client, &at_other] {
        let gone = || async { Answer::of(client.old(&list())).await.status == StatusCode::NOT_FOUND };
        eventually(SOON, gone).await.unwrap();
    }
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn a_session_that_nobody_uses_expires_and_one_with_an_open_stream_does_not() {
    let mut world = World::new().await;
    let key = world.key();
    let mut options = Options::default();
    options.sessions.idle = Setting::from_millis(900);
    let edge = Edge::with(&world, options).await;
    let (mut used, mut unused) = (edge.client(&key), edge.client(&key));
    used.initialize().await;
    unused.initialize().await;
    let _stream = used.listen().await;
    let began = Instant::now();
    // Asking would keep the session alive, so the gauge is read instead: two sessions, then one.
    let gauge = || async { edge.telemetry.render().contains(&sessions_gauge(1)) };
    eventually(SOON, gauge).await.unwrap();
    assert!(
        began.elapsed() >= Duration::from_millis(800),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        Answer::of(unused.old(&list())).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(Answer::of(used.old(&list())).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_that_was_missed_is_replayed_on_any_replica() {
    let mut world = World::new().await;
    let key = world.key();
    let (one, other) = two(&world).await;
    let mut client = one.client(&key);
    client.initialize().await;
    let (gate, stream, first) = waiting_call(&client, &world).await;
    drop(stream);

    // Comes back before the answer is there, and is told when it is.
    let mut early = client.at(&other.url).resume(&first).await;
    gate.open();
    let answer = early.next().await.unwrap();
    let message: Value = serde_json::from_str(&answer.data).unwrap();
    assert_eq!(
        (&message["id"], &message["result"]["structuredContent"]),
        (&json!(5), &json!({ "id": 1 }))
    );
    assert!(early.next().await.is_none(), "the stream ends with the answer");

    // Comes back late, here and there, and is told the same.
    for url in [&one.url, &other.url] {
        let late = client.at(url).resume(&first).await.next().await.unwrap();
        assert_eq!((late.id, late.data), (answer.id.clone(), answer.data.clone()));
    }
    // Has seen it all: the stream is over.
    assert!(
        client
            .resume(answer.id.as_deref().unwrap())
            .await
            .next()
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_call_is_cancelled_at_whatever_replica_the_client_says_so() {
    let mut world = World::new().await;
    let key = world.key();
    let (one, other) = two(&world).await;
    let mut client = one.client(&key);
    client.initialize().await;
    let (_gate, mut stream, _) = waiting_call(&client, &world).await;
    let params = json!({ "requestId": 5, "reason": "enough" });
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
    let told = Answer::of(client.at(&other.url).old(&cancel)).await;
    assert_eq!(told.status, StatusCode::ACCEPTED);
    assert!(
        stream.message().await.is_none(),
        "a cancelled call is not answered"
    );
    assert_eq!(one.audit.with_outcome("cancelled").await.status, 499);
}

#[tokio::test]
async fn a_session_that_rests_has_no_worker_and_goes_on_when_it_is_used_again() {
    let mut world = World::new().await;
    let key = world.key();
    let mut options = Options::default();
    options.sessions.resident = Setting::from_millis(1_000);
    let edge = Edge::with(&world, options).await;
    let (mut resting, mut calling) = (edge.client(&key), edge.client(&key));
    resting.initialize().await;
    calling.initialize().await;
    // A call under way keeps its worker, although the client has lost its stream.
    let (gate, stream, first) = waiting_call(&calling, &world).await;
    drop(stream);
    let one_worker = || async { edge.telemetry.render().contains(&sessions_gauge(1)) };
    eventually(SOON, one_worker).await.unwrap();
    gate.open();
    let answer = calling.resume(&first).await.message().await.unwrap();
    assert_eq!(answer["result"]["structuredContent"], json!({ "id": 1 }));
    let none = || async { edge.telemetry.render().contains(&sessions_gauge(0)) };
    eventually(SOON, none).await.unwrap();
    assert!(resting.ask("tools/list", json!({})).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn an_event_id_of_another_session_replays_nothing() {
    let mut world = World::new().await;
    let key = world.key();
    let mut options = Options::default();
    options.sessions.replay = Setting::from_millis(500);
    let edge = Edge::with(&world, options).await;
    let (mut client, mut other) = (edge.client(&key), edge.client(&key));
    client.initialize().await;
    other.initialize().await;
    let (gate, mut stream, first) = waiting_call(&client, &world).await;
    gate.open();
    assert!(stream.message().await.is_some());
    assert!(other.resume(&first).await.next().await.is_none());
}

#[tokio::test]
async fn without_sessions_the_older_eras_are_served_one_request_at_a_time() {
    let mut world = World::new().await;
    let key = world.key();
    let mut options = Options::default();
    options.sessions.enabled = false;
    let edge = Edge::with(&world, options).await;
    let mut client = edge.client(&key);
    client.initialize().await;
    assert_eq!(client.session, None);
    assert_eq!(
        client.ask("tools/list", json!({})).await["result"]["tools"][1]["name"],
        "acme_get"
    );
}

#[tokio::test]
async fn a_session_that_was_put_away_for_want_of_room_goes_on_when_it_is_used_again() {
    let mut world = World::new().await;
    let key = world.key();
    let mut options = Options::default();
    options.sessions.max = 2;
    let edge = Edge::with(&world, options).await;
    let mut clients = [(); 4].map(|()| edge.client(&key));
    for client in &mut clients {
        client.initialize().await;
    }
    let two_workers = || async { edge.telemetry.render().contains(&sessions_gauge(2)) };
    eventually(SOON, two_workers).await.unwrap();
    for client in &clients {
        assert!(client.ask("tools/list", json!({})).await["result"]["tools"].is_array());
    }
}

#[tokio::test]
async fn without_the_cache_a_session_goes_on_at_its_replica() {
    let mut world = World::new().await;
    let key = world.key();
    let options = Options {
        cache: std::sync::Arc::new(Lost),
        ..Options::default()
    };
    let (edge, other) = (
        Edge::with(&world, options.clone()).await,
        Edge::with(&world, options).await,
    );
    let mut client = edge.client(&key);
    client.initialize().await;
    for _ in 0..2 {
        assert!(client.ask("tools/list", json!({})).await["result"]["tools"].is_array());
    }
    assert_eq!(
        Answer::of(client.at(&other.url).old(&list())).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(client.delete().await, StatusCode::ACCEPTED);
    assert_eq!(
        Answer::of(client.old(&list())).await.status,
        StatusCode::NOT_FOUND
    );
}
