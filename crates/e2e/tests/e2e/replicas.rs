//! What the end of one replica costs: the streams that it held, and nothing else.

use anyhow::{Result, ensure};
use e2e::{Mcp, PATIENCE, Service, Setup, Shop};
use serde_json::json;
use test_support::{Gate, Reply, eventually};

const CHANGED: &str = "notifications/tools/list_changed";

#[tokio::test]
async fn a_replica_that_is_killed_in_mid_stream_costs_that_stream_and_no_session() -> Result<()> {
    let (mut mesh, shop) = (Setup::cluster().start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let urls = mesh.mcp_urls();
    let (caller, listener) = (Mcp::open(&urls[0], &key).await?, Mcp::open(&urls[0], &key).await?);
    let listening = listener.listen().await?;
    let gate = Gate::new();
    let slow = Reply::json(200, &json!({"id": 7, "name": "clock"})).held_by(&gate);
    shop.upstream().on("GET", "/items/7", slow);
    let arguments = json!({"id": 7});
    let reached = || async {
        let requests = shop.upstream().requests_to("/items/7");
        ensure!(requests.len() == 1, "{requests:?}");
        anyhow::Ok(())
    };
    let kill = async {
        eventually(PATIENCE, reached).await?;
        mesh.kill(Service::McpServer).await
    };
    let (cut_off, killed) = tokio::join!(caller.call(Shop::GET_ITEM, &arguments), kill);
    killed?;
    ensure!(cut_off.is_err(), "the call had an answer: {cut_off:?}");
    listening.closed(PATIENCE).await?;
    gate.open();

    // Both sessions go on at the other replica: with requests, and with the stream of notices.
    for session in [&caller, &listener] {
        let other = session.presented(&urls[1], &key);
        let called = other.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
        ensure!(called["structuredContent"]["id"] == 1, "{called}");
    }
    let listening = listener.presented(&urls[1], &key).listen().await?;
    shop.describe(&["stock"]);
    let admin = mesh.admin()?;
    let refresh = admin.post("/providers/shop/refresh", &json!({})).await?;
    admin.result_of(&refresh).await?;
    listening.wait_for(CHANGED, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn a_client_that_comes_back_to_another_replica_after_a_kill_has_what_was_sent_and_is_told_what_is_lost()
-> Result<()> {
    let setup = Setup::cluster().set(Service::McpServer, "sessions.presence", "2s");
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let urls = mesh.mcp_urls();
    let session = Mcp::open(&urls[0], &key).await?;
    let notices = session.listen().await?;
    shop.describe(&["stock"]);
    let admin = mesh.admin()?;
    let refresh = admin.post("/providers/shop/refresh", &json!({})).await?;
    admin.result_of(&refresh).await?;
    notices.wait_for(CHANGED, PATIENCE).await?;
    let seen = notices.event_ids();

    let gate = Gate::new();
    let slow = Reply::json(200, &json!({"id": 7, "name": "clock"})).held_by(&gate);
    shop.upstream().on("GET", "/items/7", slow);
    let call = session.call_stream(Shop::GET_ITEM, &json!({"id": 7})).await?;
    let primed = || async { call.event_ids().first().cloned() };
    let first = eventually(PATIENCE, primed).await?;
    let reached = || async { shop.upstream().requests_to("/items/7").len() == 1 };
    eventually(PATIENCE, reached).await?;
    mesh.kill(Service::McpServer).await?;
    call.closed(PATIENCE).await?;
    gate.open();

    // The answer is lost, and said to be: the stream ends with an error for this very request.
    let there = session.presented(&urls[1], &key);
    let resumed = there.resume(&first).await?;
    resumed.closed(PATIENCE).await?;
    let told = resumed.messages();
    ensure!(told.len() == 1 && told[0]["id"].is_number(), "{told:?}");
    ensure!(told[0]["error"]["data"]["outcome"] == "unknown", "{told:?}");
    // The notice is not: it is replayed to a client that says it has seen nothing of that stream.
    let head = seen
        .last()
        .and_then(|id| id.split('_').next())
        .map(|stream| format!("{stream}_0"));
    let again = there.resume(&head.unwrap_or_default()).await?;
    again.wait_for(CHANGED, PATIENCE).await?;
    ensure!(
        again.event_ids().first() == seen.last(),
        "{:?} {seen:?}",
        again.event_ids()
    );
    // And the session goes on.
    let called = there.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
    ensure!(called["structuredContent"]["id"] == 1, "{called}");
    Ok(())
}
