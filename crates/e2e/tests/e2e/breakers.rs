//! Circuit breakers: who sees that one is open, and what becomes of a job that meets it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Mcp, Mesh, PATIENCE, Setup, Shop};
use serde_json::{Value, json};
use test_support::{Reply, eventually, http};

on_both!(
    a_job_that_meets_an_open_breaker_waits_and_is_done_once,
    an_open_breaker_is_named_by_the_health_of_its_replica
);

/// Longer than a job's first back-off, so that a job comes back to it once more.
const OPEN_MS: u64 = 4_000;

/// The shop whose breaker opens after two failures.
async fn shop_on(mesh: &Mesh, key: &str) -> Result<Shop> {
    let shop = Shop::open().await?;
    let mut provider = shop.provider();
    provider["limits"] = json!({"breaker": {"minimum_calls": 2, "open_ms": OPEN_MS, "probes": 1}});
    let admin = mesh.admin()?;
    let job = admin.post("/providers", &provider).await?;
    admin.result_of(&job).await?;
    for url in mesh.mcp_urls() {
        let client = Mcp::stateless(&url, key);
        let listed = || async {
            let tools = client.tools().await?;
            let is_there = tools.iter().any(|tool| tool == Shop::GET_ITEM);
            is_there.then_some(()).context("not listed yet")
        };
        eventually(PATIENCE, listed).await?;
    }
    Ok(shop)
}

async fn state(mesh: &Mesh, service: &str) -> Result<f64> {
    let pages = mesh.pages().await?;
    let of_service = pages.iter().filter(|page| page.service == service);
    let labels = [("breaker", "shop")];
    Ok(of_service
        .map(|page| page.page.sum("mcp_circuit_breaker_state", &labels))
        .sum())
}

async fn a_job_that_meets_an_open_breaker_waits_and_is_done_once(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let shop = shop_on(&mesh, &key).await?;
    let agent = mesh.api(&key)?;
    shop.upstream().on("GET", "/items/*", Reply::status(500));
    let reading = agent.call_async(Shop::GET_ITEM, &json!({"id": 1})).await?;
    let open = || async {
        let state = state(&mesh, "worker").await?;
        ensure!(state >= 2.0, "the worker's breaker is at {state}");
        anyhow::Ok(())
    };
    eventually(PATIENCE, open).await?;
    // The upstream is well again, but the breaker is open: a write that comes now is not sent yet.
    let item = json!({"id": 1, "name": "lamp"});
    shop.upstream().on("GET", "/items/*", Reply::json(200, &item));
    let writing = agent.call_async(Shop::ADD_ITEM, &json!({"name": "lamp"})).await?;
    let waits = || async {
        let job = agent.job(&writing).await?;
        ensure!(
            job["attempt"].as_u64() >= Some(1) && job["state"] == "pending",
            "{job}"
        );
        anyhow::Ok(job)
    };
    let waiting = eventually(PATIENCE, waits).await?;
    ensure!(waiting.to_string().contains("circuit breaker"), "{waiting}");
    ensure!(shop.additions().is_empty(), "it was sent to an open breaker");
    agent.result_of(&writing).await?;
    ensure!(shop.additions().len() == 1, "{:?}", shop.additions());
    agent.result_of(&reading).await?;
    Ok(())
}

async fn an_open_breaker_is_named_by_the_health_of_its_replica(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let shop = shop_on(&mesh, &key).await?;
    let url = mesh.mcp_urls().first().context("no replica")?.clone();
    let client = Mcp::stateless(&url, &key);
    let ready = url.replace("/mcp", "/health/ready");
    shop.upstream().on("GET", "/items/*", Reply::status(500));
    for _ in 0..2 {
        client.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
    }
    // What a check said is kept for a quarter of a second.
    let named = || async {
        let answer = http::get(&ready).await?;
        ensure!(
            answer.status.is_success(),
            "a provider that fails does not make a replica unready"
        );
        let check = answer.json()?["checks"]["circuit_breakers"].clone();
        ensure!(
            check["status"] == "degraded" && check["error"] == "open: shop",
            "{check}"
        );
        anyhow::Ok(())
    };
    eventually(PATIENCE, named).await?;
    // Well again, and asked after its time, it is closed.
    shop.upstream().on(
        "GET",
        "/items/*",
        Reply::json(200, &json!({"id": 1, "name": "lamp"})),
    );
    let closed = || async {
        client.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
        let check: Value = http::get(&ready).await?.json()?["checks"]["circuit_breakers"].clone();
        ensure!(check["status"] == "healthy", "{check}");
        anyhow::Ok(())
    };
    eventually(Duration::from_millis(OPEN_MS) + PATIENCE, closed).await
}
