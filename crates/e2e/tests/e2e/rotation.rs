//! The service key and the sealing key of a cluster, rotated under calls: nothing restarts, nothing fails.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Mcp, Mesh, PATIENCE, Service, Setup, Shop, sealing_key, unique};
use serde_json::json;
use test_support::eventually;

#[tokio::test]
async fn both_keys_of_a_cluster_are_rotated_under_calls_and_the_old_ones_are_not_needed_afterwards()
-> Result<()> {
    let setup = Setup::cluster().set(Service::RestApi, "credentials.rewrap_interval", "1s");
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    #[expect(clippy::disallowed_methods, reason = "it calls while the test rotates")]
    let hammer = tokio::spawn(hammer(
        mesh.mcp_urls(),
        key.clone(),
        Arc::clone(&stop),
        Arc::clone(&calls),
    ));

    service_key(&mesh, &key).await?;
    the_sealing_key(&mesh).await?;
    // The machine may be slow: fewer say too little.
    let enough = || async {
        ensure!(calls.load(Ordering::SeqCst) > 100, "{calls:?} calls");
        Ok(())
    };
    eventually(PATIENCE, enough).await?;
    stop.store(true, Ordering::SeqCst);
    hammer.await??;

    // Nobody remembers the old ones.
    for service in [Service::RestApi, Service::Worker, Service::McpServer] {
        mesh.kill(service).await?;
        mesh.start_again(service).await?;
    }
    for url in mesh.mcp_urls() {
        let called = Mcp::stateless(&url, &key)
            .call(Shop::GET_ITEM, &json!({"id": 1}))
            .await?;
        ensure!(called["structuredContent"]["id"] == 1, "{called}");
    }
    asynchronous(&mesh, &key).await
}

/// Calls on both replicas until it is told to stop; none may fail.
pub async fn hammer(
    urls: Vec<String>,
    key: String,
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
) -> Result<()> {
    let clients: Vec<_> = urls.iter().map(|url| Mcp::stateless(url, &key)).collect();
    while !stop.load(Ordering::SeqCst) {
        for client in &clients {
            let called = client.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
            ensure!(called["structuredContent"]["id"] == 1, "{called}");
            calls.fetch_add(1, Ordering::SeqCst);
        }
    }
    Ok(())
}

/// A job passes rest-api, broker and worker, each of which shows or checks the service key.
pub async fn asynchronous(mesh: &Mesh, key: &str) -> Result<()> {
    let agent = mesh.api(key)?;
    let job = agent.call_async(Shop::ADD_ITEM, &json!({"name": "lamp"})).await?;
    agent.result_of(&job).await.map(drop)
}

pub async fn service_key(mesh: &Mesh, key: &str) -> Result<()> {
    let (accepted, shown) = (mesh.service_keys("rest-api"), mesh.service_keys("clients"));
    let (old, new) = (fs::read_to_string(&accepted)?, format!("{}\n", unique("service")));
    fs::write(&accepted, format!("{old}{new}"))?;
    told(mesh, Service::RestApi, 1).await?;
    asynchronous(mesh, key).await?;
    fs::write(&shown, format!("{new}{old}"))?;
    told(mesh, Service::Worker, 1).await?;
    told(mesh, Service::McpServer, 1).await?;
    asynchronous(mesh, key).await?;
    fs::write(&accepted, &new)?;
    fs::write(&shown, &new)?;
    told(mesh, Service::RestApi, 2).await?;
    asynchronous(mesh, key).await
}

/// Waits until every process of `service` has told this often that a file of secrets has changed; asks each for something
/// meanwhile, since files are looked at when they are needed.
async fn told(mesh: &Mesh, service: Service, times: usize) -> Result<()> {
    let all = || async {
        let _ = mesh.agent_key().await;
        for running in mesh.processes().iter().filter(|running| running.runs(service)) {
            let lines = running.process.json_lines();
            let notices = lines
                .iter()
                .filter(|line| line["msg"] == "a file of secrets has changed");
            let notices = notices.filter(|line| {
                line["path"]
                    .as_str()
                    .is_some_and(|path| path.contains("service-keys"))
            });
            ensure!(notices.count() >= times, "{} has not seen it", service.name());
        }
        Ok(())
    };
    eventually(PATIENCE + Duration::from_secs(30), all).await
}

pub async fn the_sealing_key(mesh: &Mesh) -> Result<()> {
    let file = mesh.sealing_keys();
    let (old, new) = (fs::read_to_string(&file)?, sealing_key("next"));
    let gauge = |name: &'static str| async move {
        let pages = mesh.pages().await?;
        let page = pages
            .iter()
            .find(|page| page.service == "rest-api")
            .context("no rest-api")?;
        anyhow::Ok(page.page.sum(name, &[]))
    };
    fs::write(&file, format!("{new}{old}"))?;
    let moved = || async {
        let (moved, left) = (
            gauge("mcp_credentials_rewrapped_total").await?,
            gauge("mcp_credentials_under_old_keys").await?,
        );
        ensure!(moved >= 1.0 && left < 1.0, "{moved} moved, {left} left");
        anyhow::Ok(())
    };
    eventually(PATIENCE, moved).await?;
    fs::write(&file, &new)?;
    ensure!(gauge("mcp_credentials_unopenable").await? < 1.0);
    Ok(())
}
