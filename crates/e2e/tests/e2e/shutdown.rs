//! SIGTERM: what is in flight is answered, then the process ends with 0.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Mesh, PATIENCE, Service, Setup, Shop};
use serde_json::json;
use test_support::{Gate, Reply, eventually};

on_both!(
    a_call_in_flight_is_answered_before_its_replica_ends,
    a_job_in_flight_is_done_before_its_worker_ends,
    a_request_that_waits_is_answered_before_rest_api_ends,
    a_write_that_outlasts_the_drain_is_in_doubt_at_once,
);

/// The default of `drain`.
const DRAIN: Duration = Duration::from_secs(25);

async fn a_call_in_flight_is_answered_before_its_replica_ends(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let gate = hold(&shop, "GET", "/items/9");
    let session = mesh.mcp(&key).await?;
    let (listening, arguments) = (session.listen().await?, json!({"id": 9}));
    let call = session.call(Shop::GET_ITEM, &arguments);
    let process = mesh.process(Service::McpServer)?;
    let stop = async {
        arrived(&shop, "/items/9").await?;
        process.process.terminate()?;
        listening
            .closed(PATIENCE)
            .await
            .context("a stream that only waits is closed at once")?;
        gate.open();
        process.process.exit_code(DRAIN).await
    };
    let (called, code) = tokio::try_join!(call, stop)?;
    ensure!(called["structuredContent"]["id"] == 9, "{called}");
    ensure!(
        code == Some(0),
        "exit code {code:?}: {:?}",
        process.process.stderr_lines()
    );
    Ok(())
}

async fn a_job_in_flight_is_done_before_its_worker_ends(setup: Setup) -> Result<()> {
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let gate = hold(&shop, "POST", "/items");
    let job = mesh
        .api(&key)?
        .call_async(Shop::ADD_ITEM, &json!({"name": "desk"}))
        .await?;
    arrived(&shop, "/items").await?;
    let worker = mesh.process(Service::Worker)?;
    worker.process.terminate()?;
    stopping(&mesh).await?;
    gate.open();
    let code = mesh.ended(Service::Worker, DRAIN).await?;
    ensure!(code == Some(0), "exit code {code:?}");
    mesh.start_again(Service::Worker).await?;
    let done = mesh.api(&key)?.finished(&job).await?;
    ensure!(done["state"] == "done" && done["attempt"] == 1, "{done}");
    ensure!(shop.additions().len() == 1, "{:?}", shop.additions());
    Ok(())
}

async fn a_request_that_waits_is_answered_before_rest_api_ends(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let gate = hold(&shop, "GET", "/items/8");
    let agent = mesh.api(&key)?;
    let job = agent.call_async(Shop::GET_ITEM, &json!({"id": 8})).await?;
    arrived(&shop, "/items/8").await?;
    let path = format!("/jobs/{}?wait_seconds=5", job["id"].as_str().unwrap_or_default());
    let process = mesh.process(Service::RestApi)?;
    let requests = requests_in_flight(&mesh).await?;
    let stop = async {
        let waiting = || async {
            Ok::<_, anyhow::Error>(requests_in_flight(&mesh).await? > requests).and_then(|more| {
                ensure!(more, "the request has not arrived");
                Ok(())
            })
        };
        eventually(PATIENCE, waiting).await?;
        process.process.terminate()?;
        gate.open();
        process.process.exit_code(DRAIN).await
    };
    let (answered, code) = tokio::try_join!(agent.get(&path), stop)?;
    ensure!(answered["id"] == job["id"], "{answered}");
    ensure!(
        code == Some(0),
        "exit code {code:?}: {:?}",
        process.process.stderr_lines()
    );
    Ok(())
}

async fn a_write_that_outlasts_the_drain_is_in_doubt_at_once(setup: Setup) -> Result<()> {
    let setup = setup.set(Service::Worker, "drain", "1s");
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    shop.upstream().on("POST", "/items", Reply::hang());
    let job = mesh
        .api(&key)?
        .call_async(Shop::ADD_ITEM, &json!({"name": "desk"}))
        .await?;
    arrived(&shop, "/items").await?;
    mesh.process(Service::Worker)?.process.terminate()?;
    mesh.ended(Service::Worker, DRAIN).await?;
    mesh.start_again(Service::Worker).await?;
    // Sooner than the lease of 30 s would run out: the worker itself has said so.
    let api = mesh.api(&key)?;
    let doubtful = eventually(std::time::Duration::from_secs(5), || async {
        let job = api.job(&job).await?;
        ensure!(job["state"] == "in_doubt", "{job}");
        anyhow::Ok(job)
    });
    let doubtful = doubtful.await?;
    ensure!(
        doubtful["attempt"] == 1 && shop.additions().len() == 1,
        "{doubtful}"
    );
    Ok(())
}

fn hold(shop: &Shop, method: &str, path: &str) -> Gate {
    let gate = Gate::new();
    let id: u64 = path
        .rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .unwrap_or(7);
    let status = if method == "POST" { 201 } else { 200 };
    let reply = Reply::json(status, &json!({"id": id, "name": "lamp"})).held_by(&gate);
    shop.upstream().on(method, path, reply);
    gate
}

async fn arrived(shop: &Shop, path: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        !shop.upstream().requests_to(path).is_empty()
    })
    .await
}

/// Waits until the process that runs jobs has heard that it should stop.
async fn stopping(mesh: &Mesh) -> Result<()> {
    let heard = || async {
        let worker = mesh.process(Service::Worker)?;
        let lines = worker.process.json_lines();
        let has_heard = |line: &serde_json::Value| line["service"] == "worker" && line["msg"] == "stopping";
        ensure!(lines.iter().any(has_heard), "{lines:?}");
        anyhow::Ok(())
    };
    eventually(PATIENCE, heard).await
}

/// Requests that wait for a job.
async fn requests_in_flight(mesh: &Mesh) -> Result<f64> {
    let pages = mesh.pages().await?;
    let of_rest_api = pages.iter().filter(|page| page.service == "rest-api");
    let labels = [("path", "/api/v1/jobs/{id}")];
    Ok(of_rest_api
        .map(|page| page.page.sum("http_requests_in_flight", &labels))
        .sum())
}
