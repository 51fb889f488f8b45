//! What a client of the older eras asks for at one replica holds at the other.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still part of the older eras"
)]

use std::sync::Arc;

use async_trait::async_trait;
use domain::TenantId;
use mcp_server::engine::{Answer as Told, Backend, Caller, Change, Refusal, ToolCall};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ServerCapabilities, ServerConfig, Tool};
use serde_json::{Value, json};

use crate::support::{Client, Edge, Events, Options, World};

/// One tool, `chat`: logs at debug and at warning level. And resources that change.
struct Chatty;

#[async_trait]
impl Backend for Chatty {
    fn info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_logging()
            .enable_resources()
            .enable_resources_subscribe()
            .build();
        ServerConfig::new(capabilities)
    }

    fn tools(&self, _caller: &Caller) -> Arc<[Tool]> {
        Arc::new([Tool::new("chat", "Logs", JsonObject::new())])
    }

    async fn call_tool(&self, call: ToolCall<'_>) -> Result<Told, Refusal> {
        call.dialogue.log("debug", None, json!("small")).await;
        call.dialogue.log("warning", None, json!("large")).await;
        Ok(Told::of(CallToolResult::success(vec![ContentBlock::text(
            "said",
        )])))
    }
}

/// Two replicas with one cache, and a session with its stream at the second.
struct Pair {
    tenant: TenantId,
    one: Edge,
    other: Edge,
    client: Client,
    stream: Events,
}

impl Pair {
    async fn start(options: Options) -> Self {
        let mut world = World::new().await;
        let key = world.key();
        let one = Edge::of_with(&world, Chatty, options.clone()).await;
        let other = Edge::of_with(&world, Chatty, options).await;
        let mut client = one.client(&key);
        client.initialize().await;
        let stream = client.at(&other.url).listen().await;
        Self {
            tenant: world.tenant().id,
            one,
            other,
            client,
            stream,
        }
    }

    /// Says something at the second replica; the first log message that the client hears.
    async fn first_log(&mut self) -> Value {
        let there = self.client.at(&self.other.url);
        let said = there.ask("tools/call", json!({ "name": "chat" })).await;
        assert_eq!(said["result"]["content"][0]["text"], "said", "{said}");
        let message = self.stream.message().await.unwrap();
        assert_eq!(message["method"], "notifications/message");
        message["params"]["data"].clone()
    }

    async fn change(&self, uri: &str) {
        for replica in [&self.one, &self.other] {
            let change = Change::Resource(uri.to_owned());
            replica.listeners.tell(self.tenant, &change).await;
        }
    }
}

#[tokio::test]
async fn a_log_level_that_is_set_at_one_replica_holds_at_the_other() {
    let mut pair = Pair::start(Options::default()).await;
    let set = pair
        .client
        .ask("logging/setLevel", json!({ "level": "debug" }))
        .await;
    assert!(set["result"].is_object(), "{set}");
    assert_eq!(pair.first_log().await, "small");
    assert_eq!(pair.stream.message().await.unwrap()["params"]["data"], "large");
    pair.client
        .ask("logging/setLevel", json!({ "level": "warning" }))
        .await;
    assert_eq!(pair.first_log().await, "large");
}

#[tokio::test]
async fn a_resource_that_is_watched_at_one_replica_is_told_by_the_other_until_it_is_not() {
    let mut options = Options::default();
    options.engine.subscriptions = 2;
    let mut pair = Pair::start(options).await;
    // At once at both replicas: neither change is lost to the other.
    let there = pair.client.at(&pair.other.url);
    let (one, two) = tokio::join!(
        pair.client
            .ask("resources/subscribe", json!({ "uri": "test://a" })),
        there.ask("resources/subscribe", json!({ "uri": "test://b" })),
    );
    assert!(
        one["result"].is_object() && two["result"].is_object(),
        "{one} {two}"
    );
    let third = there
        .ask("resources/subscribe", json!({ "uri": "test://c" }))
        .await;
    assert_eq!(third["error"]["code"], -32_602, "{third}");
    for uri in ["test://a", "test://b"] {
        pair.change(uri).await;
        let told = pair.stream.message().await.unwrap();
        assert_eq!(
            (told["method"].as_str(), told["params"]["uri"].as_str()),
            (Some("notifications/resources/updated"), Some(uri))
        );
    }
    pair.client
        .ask("resources/unsubscribe", json!({ "uri": "test://a" }))
        .await;
    pair.change("test://a").await;
    pair.change("test://b").await;
    assert_eq!(pair.stream.message().await.unwrap()["params"]["uri"], "test://b");
}
