//! Coming back after a break, to the same replica or another one.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::Cache;
use mcp_server::ws::WebSocketConfig;
use runtime::config::Duration as Setting;
use serde_json::{Value, json};
use test_support::{Gate, Reply, eventually};

use super::limits::methods;
use crate::support::{Edge, Options, Socket, World};

const SOON: Duration = Duration::from_secs(10);

/// A connection whose client may come back, and its token.
async fn resumable(edge: &Edge, key: &str) -> (Socket, String) {
    let mut socket = Socket::connect(edge, key).await;
    let begun = socket
        .initialize(json!({ "experimental": { "io.devmesh/resume": {} } }))
        .await;
    let about = &begun["result"]["_meta"]["io.devmesh/connection"];
    (
        socket,
        about["resumeToken"]
            .as_str()
            .unwrap_or_else(|| panic!("{begun}"))
            .to_owned(),
    )
}

async fn back(edge: &Edge, key: &str, token: &str, last: u64) -> (Socket, Value) {
    let mut socket = Socket::connect(edge, key).await;
    let answer = socket
        .ask("resume", json!({ "token": token, "last": last }))
        .await;
    (socket, answer)
}

fn options(cache: &Arc<dyn Cache>) -> Options {
    Options {
        cache: Arc::clone(cache),
        methods,
        ..Options::default()
    }
}

/// Two replicas that share a cache.
async fn two() -> (World, [Edge; 2], String) {
    let mut world = World::new().await;
    let key = world.key();
    let cache = cache::memory();
    let edges = [
        Edge::with(&world, options(&cache)).await,
        Edge::with(&world, options(&cache)).await,
    ];
    (world, edges, key)
}

#[tokio::test]
async fn a_call_goes_on_over_a_break_and_its_answer_comes_after_the_last_that_was_processed() {
    let (world, edges, key) = two().await;
    for edge in &edges {
        let gate = Gate::new();
        world.upstream.forget_requests();
        world.upstream.on(
            "GET",
            "/items/1",
            Reply::json(200, &json!({ "late": true })).held_by(&gate),
        );
        let (mut socket, token) = resumable(&edges[0], &key).await;
        let listed = socket.ask("tools/list", json!({})).await;
        let last = listed["seq"].as_u64().unwrap();
        let id = socket
            .begin(
                "tools/call",
                json!({ "name": "acme_get", "arguments": { "id": 1 } }),
            )
            .await;
        world.upstream.wait_for_requests(1, SOON).await.unwrap();
        drop(socket);
        // On the second round the client is with another replica before the answer is there.
        let (mut again, answer) = back(edge, &key, &token, last).await;
        assert_eq!(answer["result"]["replayed"], 0, "{answer}");
        assert_eq!(answer["result"]["received"], 0, "{answer}");
        gate.open();
        let late = again.answer_to(id).await;
        assert_eq!(late["result"]["structuredContent"]["late"], true, "{late}");
        assert_eq!(late["seq"], last + 1);
        // It is a session like any other.
        assert_eq!(again.ask("tools/list", json!({})).await["seq"], last + 2);
    }
}

#[tokio::test]
async fn everything_arrives_once_and_in_order_whatever_breaks_and_whichever_replica_answers() {
    let (_world, edges, key) = two().await;
    let (mut socket, token) = resumable(&edges[0], &key).await;
    let id = socket
        .begin("test.flood", json!({ "count": 200, "bytes": 10 }))
        .await;
    let (mut indexes, mut last, mut turn) = (Vec::new(), 1, 0);
    loop {
        let message = socket.hear().await.message();
        if message["id"] == id && message.get("method").is_none() {
            break;
        }
        if let Some(sequence) = message["seq"].as_u64().filter(|_| message["method"] == "flood") {
            assert_eq!(sequence, last + 1, "{message}");
            last = sequence;
            indexes.push(message["params"]["index"].as_u64().unwrap());
        }
        if indexes.len() % 23 == 22 {
            turn += 1;
            let (again, answer) = back(&edges[turn % 2], &key, &token, last).await;
            assert!(answer.get("result").is_some(), "{answer}");
            socket = again;
            // So that the next message does not break it again.
            let message = socket.hear().await.message();
            assert_eq!(message["seq"], last + 1, "{message}");
            last += 1;
            indexes.push(message["params"]["index"].as_u64().unwrap());
        }
    }
    assert_eq!(indexes, (0..200).collect::<Vec<_>>());
    assert!(turn >= 8, "{turn} breaks");
}

#[tokio::test]
async fn whoever_comes_back_takes_over_and_the_older_connection_is_told() {
    let (_world, edges, key) = two().await;
    let (mut first, token) = resumable(&edges[0], &key).await;
    let (mut second, _) = back(&edges[0], &key, &token, 1).await;
    assert_eq!(
        first.closed().await,
        (4001, "resumed by another connection".to_owned())
    );
    let (mut third, answer) = back(&edges[1], &key, &token, 1).await;
    assert!(answer.get("result").is_some(), "{answer}");
    assert_eq!(
        second.closed().await,
        (4001, "resumed by another connection".to_owned())
    );
    assert_eq!(third.ask("ping", json!({})).await["result"], json!({}));
    let alone = || async { edges[0].connections.is_empty().then_some(()) };
    eventually(SOON, alone).await.unwrap();
    assert_eq!(edges[1].connections.len(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_the_callers_or_too_old_is_refused_and_the_connection_may_begin_anew() {
    let mut world = World::new().await;
    let (key, other) = (world.key(), world.key());
    let cache = cache::memory();
    let mut options = options(&cache);
    options.websocket = WebSocketConfig {
        resume: Setting::from_millis(600),
        resume_messages: 3,
        ..WebSocketConfig::default()
    };
    let edges = [
        Edge::with(&world, options.clone()).await,
        Edge::with(&world, options).await,
    ];
    let (mut socket, token) = resumable(&edges[0], &key).await;
    socket.ask("test.flood", json!({ "count": 9, "bytes": 1 })).await;
    let wrong = format!("{}0", &token[..token.len() - 1]);
    for edge in &edges {
        for (key, token) in [(&other, token.as_str()), (&key, &wrong), (&key, "nonsense")] {
            let (mut refused, answer) = back(edge, key, token, 1).await;
            assert_eq!(answer["error"]["code"], -32001, "{answer}");
            assert!(refused.initialize(json!({})).await.get("result").is_some());
        }
        let (_, answer) = back(edge, &key, &token, 1).await;
        assert_eq!(answer["error"]["data"], json!({ "from": 2, "to": 8 }), "{answer}");
    }
    drop(socket);
    let record = format!("mcp:ws:session:{}", token.split('.').next().unwrap());
    let gone = || async { cache.get(&record).await.unwrap().is_none().then_some(()) };
    eventually(SOON, gone).await.unwrap();
    let (_, answer) = back(&edges[1], &key, &token, 11).await;
    assert_eq!(answer["error"]["code"], -32001, "{answer}");
}

#[tokio::test]
async fn what_a_killed_replica_had_kept_is_handed_over_by_another_one() {
    let mut world = World::new().await;
    let key = world.key();
    let cache = cache::memory();
    let doomed = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (entities, shared) = (world.entities(), Arc::clone(&cache));
    let first = doomed
        .spawn(async move { Edge::knowing(entities, options(&shared)).await })
        .await
        .unwrap();
    let second = Edge::with(&world, options(&cache)).await;
    let (mut socket, token) = resumable(&first, &key).await;
    socket.ask("test.flood", json!({ "count": 5, "bytes": 1 })).await;
    socket.begin("test.wait", json!({})).await;
    // Nothing of it runs on: neither a drain nor a last word.
    std::mem::forget(first);
    doomed.shutdown_background();
    let (mut again, answer) = back(&second, &key, &token, 3).await;
    assert_eq!(
        (&answer["result"]["received"], &answer["result"]["replayed"]),
        (&Value::Null, &json!(4)),
        "{answer}"
    );
    for sequence in 4..=7 {
        assert_eq!(again.hear().await.message()["seq"], sequence);
    }
}

#[tokio::test]
async fn a_client_whose_messages_the_cache_has_lost_is_told_to_begin_anew() {
    let mut world = World::new().await;
    let key = world.key();
    let cache = cache::memory();
    let edges = [
        Edge::with(&world, options(&cache)).await,
        Edge::with(&world, options(&cache)).await,
    ];
    let kept = |token: &str| format!("mcp:ws:messages:{}", token.split('.').next().unwrap());
    let (mut socket, token) = resumable(&edges[0], &key).await;
    socket.ask("test.flood", json!({ "count": 5, "bytes": 1 })).await;
    cache.remove(&kept(&token)).await.unwrap();
    // It has nothing to say of the messages behind the third; the replica knows that there were some.
    let (mut anew, answer) = back(&edges[0], &key, &token, 3).await;
    assert_eq!(answer["error"]["code"], -32001, "{answer}");
    assert_eq!(answer["error"]["data"], json!({ "from": 4, "to": 7 }), "{answer}");
    assert!(anew.initialize(json!({})).await.get("result").is_some());
    drop(socket);

    // Here it has begun another list, whose numbers are not those that the client knows.
    let (mut socket, token) = resumable(&edges[0], &key).await;
    socket.ask("test.flood", json!({ "count": 5, "bytes": 1 })).await;
    cache.remove(&kept(&token)).await.unwrap();
    let unnumbered = socket.ask("tools/list", json!({})).await;
    assert_eq!(unnumbered["seq"].as_u64().unwrap_or(0), 0, "{unnumbered}");
    drop(socket);
    for edge in &edges {
        let refused = || async {
            let (_, answer) = back(edge, &key, &token, 7).await;
            (answer["error"]["code"] == -32001).then_some(())
        };
        eventually(SOON, refused).await.unwrap();
    }
}
