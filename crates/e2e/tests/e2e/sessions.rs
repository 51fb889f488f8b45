//! Sessions of the older era belong to their key, and to all replicas.

use anyhow::{Result, ensure};
use e2e::{Setup, Shape};
use http::StatusCode;
use serde_json::json;

on_both!(a_session_works_on_every_replica_for_its_own_key_until_it_is_closed);

async fn a_session_works_on_every_replica_for_its_own_key_until_it_is_closed(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let urls = mesh.mcp_urls();
    ensure!(urls.len() == if mesh.shape() == Shape::Cluster { 2 } else { 1 });
    let ((own, _), (other, _)) = (mesh.agent_key().await?, mesh.agent_key().await?);
    let session = mesh.mcp(&own).await?;
    for url in &urls {
        let reply = session
            .presented(url, &own)
            .request("tools/list", json!({}))
            .await?;
        ensure!(reply.status == StatusCode::OK, "{url}: {reply:?}");
        let reply = session
            .presented(url, &other)
            .request("tools/list", json!({}))
            .await?;
        ensure!(reply.status == StatusCode::NOT_FOUND, "{url}: {reply:?}");
    }
    let last = session.presented(&urls[urls.len() - 1], &own);
    ensure!(session.presented(&urls[0], &other).close().await? == StatusCode::NOT_FOUND);
    ensure!(last.close().await?.is_success());
    for url in &urls {
        let gone = || async {
            let reply = session
                .presented(url, &own)
                .request("tools/list", json!({}))
                .await?;
            ensure!(reply.status == StatusCode::NOT_FOUND, "{url}: {reply:?}");
            anyhow::Ok(())
        };
        test_support::eventually(std::time::Duration::from_secs(2), gone).await?;
    }
    Ok(())
}
