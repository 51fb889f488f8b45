//! `Last-Event-ID` at another replica after the one that answered was cut off in the middle of its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use connectors::ProgressSink;
use mcp_server::engine::{Answer as Told, Backend, Caller, Refusal, ToolCall};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ServerCapabilities, ServerConfig, Tool};
use runtime::config::Duration as Setting;
use serde_json::{Value, json};
use test_support::Gate;

use crate::support::{Client, Cut, Edge, Events, Options, World};

const PRESENCE: Duration = Duration::from_millis(600);

/// One tool, `slow`: reports progress, and answers when its gate opens.
#[derive(Clone)]
struct Slow(Gate);

#[async_trait]
impl Backend for Slow {
    fn info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn tools(&self, _caller: &Caller) -> Arc<[Tool]> {
        Arc::new([Tool::new("slow", "Takes its time", JsonObject::new())])
    }

    async fn call_tool(&self, call: ToolCall<'_>) -> Result<Told, Refusal> {
        call.dialogue.progress(1.0, Some(2.0), Some("half")).await;
        self.0.passed().await;
        Ok(Told::of(CallToolResult::success(vec![ContentBlock::text(
            "done",
        )])))
    }
}

/// Two replicas with one cache; the first can be cut off from it.
struct Pair {
    gate: Gate,
    way: Cut,
    _first: Edge,
    other: Edge,
    client: Client,
}

impl Pair {
    async fn start() -> Self {
        let mut world = World::new().await;
        let (key, gate) = (world.key(), Gate::new());
        let mut options = Options::default();
        options.sessions.presence = Setting::from(PRESENCE);
        let way = Cut::new(Arc::clone(&options.cache));
        let of_first = Options {
            cache: Arc::new(way.clone()),
            ..options.clone()
        };
        let first = Edge::of_with(&world, Slow(gate.clone()), of_first).await;
        let other = Edge::of_with(&world, Slow(gate.clone()), options).await;
        let mut client = first.client(&key);
        client.initialize().await;
        Self {
            gate,
            way,
            _first: first,
            other,
            client,
        }
    }

    /// Calls at the first replica until its progress is told; the ids of the first event and of that one.
    async fn begin_call(&self) -> (String, String) {
        let params = json!({ "name": "slow", "_meta": { "progressToken": "mine" } });
        let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params });
        let mut stream = Events::of(self.client.old(&call)).await;
        let (first, progress) = (stream.next().await.unwrap(), stream.next().await.unwrap());
        assert!(progress.data.contains("notifications/progress"), "{progress:?}");
        (first.id.unwrap(), progress.id.unwrap())
    }
}

async fn rest(mut events: Events) -> Vec<Value> {
    let mut messages = Vec::new();
    while let Some(message) = events.message().await {
        messages.push(message);
    }
    messages
}

#[tokio::test]
async fn what_was_sent_is_replayed_and_the_lost_answer_is_told_to_be_lost() {
    let pair = Pair::start().await;
    let (first, progress) = pair.begin_call().await;
    pair.way.cut();
    let there = pair.client.at(&pair.other.url);
    let resumed = rest(there.resume(&first).await).await;
    assert_eq!(resumed.len(), 2, "{resumed:?}");
    assert_eq!(resumed[0]["params"]["message"], "half");
    assert_eq!(resumed[1]["id"], 5);
    assert_eq!(resumed[1]["error"]["data"], json!({ "outcome": "unknown" }));
    // Whoever comes back again, and from further on, is told the same at once.
    let began = Instant::now();
    assert_eq!(rest(there.resume(&first).await).await, resumed);
    assert_eq!(rest(there.resume(&progress).await).await, resumed[1..]);
    assert!(began.elapsed() < PRESENCE, "{:?}", began.elapsed());
    // And the session goes on there.
    pair.gate.open();
    let called = there.ask("tools/call", json!({ "name": "slow" })).await;
    assert_eq!(called["result"]["content"][0]["text"], "done");
}

#[tokio::test]
async fn the_answer_of_a_replica_that_is_there_is_waited_for_however_long_it_takes() {
    let pair = Pair::start().await;
    let (_, progress) = pair.begin_call().await;
    let mut resumed = pair.client.at(&pair.other.url).resume(&progress).await;
    let early = tokio::time::timeout(3 * PRESENCE, resumed.message()).await;
    assert!(early.is_err(), "{early:?}");
    pair.gate.open();
    let answer = resumed.message().await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "done");
    assert!(resumed.message().await.is_none());
}
