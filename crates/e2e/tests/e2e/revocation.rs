//! What is taken away is gone on every replica within a second.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{Mcp, Mesh, PATIENCE, Setup, Shop};
use futures::future::try_join_all;
use http::StatusCode;
use serde_json::json;
use test_support::eventually;

on_both!(
    a_revoked_key_is_refused_on_every_replica_within_a_second,
    the_tools_of_a_removed_provider_are_gone_on_every_replica_within_a_second,
);

/// What the design promises.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn a_revoked_key_is_refused_on_every_replica_within_a_second(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, id) = mesh.agent_key().await?;
    let session = mesh.mcp(&key).await?;
    let stream = session.listen().await?;
    mesh.admin()?
        .post(&format!("/keys/{id}/revoke"), &json!({}))
        .await?;
    on_every_replica(&mesh, &key, |client| async move {
        let reply = client.request("tools/list", json!({})).await?;
        ensure!(reply.status == StatusCode::UNAUTHORIZED, "{reply:?}");
        Ok(())
    })
    .await?;
    stream.closed(AT_ONCE).await?;
    let refused = session.request("tools/list", json!({})).await?;
    ensure!(refused.status == StatusCode::UNAUTHORIZED, "{refused:?}");
    Ok(())
}

async fn the_tools_of_a_removed_provider_are_gone_on_every_replica_within_a_second(
    setup: Setup,
) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let session = mesh.mcp(&key).await?;
    let stream = session.listen().await?;
    mesh.admin()?.delete("/providers/shop").await?;
    on_every_replica(&mesh, &key, |client| async move {
        let tools = client.tools().await?;
        ensure!(!tools.iter().any(|tool| tool.starts_with("shop_")), "{tools:?}");
        let call = json!({"name": Shop::GET_ITEM, "arguments": {"id": 1}});
        let reply = client.request("tools/call", call).await?;
        ensure!(reply.message.get("error").is_some(), "{reply:?}");
        Ok(())
    })
    .await?;
    stream
        .wait_for("notifications/tools/list_changed", PATIENCE)
        .await?;
    ensure!(
        shop.upstream().requests_to("/items/1").is_empty(),
        "it was called"
    );
    Ok(())
}

/// Waits until `check` holds on every replica, at most [`AT_ONCE`] from now, and prints how long it took.
#[expect(
    clippy::print_stdout,
    reason = "the figure that the design promises, for whoever runs this"
)]
async fn on_every_replica<F: Future<Output = Result<()>>>(
    mesh: &Mesh,
    key: &str,
    check: impl Fn(Mcp) -> F,
) -> Result<()> {
    let began = Instant::now();
    let urls = mesh.mcp_urls();
    try_join_all(
        urls.iter()
            .map(|url| eventually(AT_ONCE, || check(Mcp::stateless(url, key)))),
    )
    .await?;
    println!("on {} replicas after {:?}", urls.len(), began.elapsed());
    Ok(())
}
