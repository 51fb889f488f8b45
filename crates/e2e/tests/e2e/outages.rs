//! Parts that are away for a while: what goes on without them, and that all is well when they are back.

mod resumes;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Mcp, PATIENCE, Service, Setup, Shop};
use http::{Method, StatusCode};
use serde_json::json;
use test_support::{Postgres, RabbitMq, Redis, eventually, http as plain};

#[tokio::test]
async fn calls_go_on_while_rest_api_is_away_and_their_audit_records_survive_a_crash() -> Result<()> {
    let (mut mesh, shop) = (Setup::cluster().start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let first = Mcp::stateless(&mesh.mcp_urls()[0], &key);
    first.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
    mesh.kill(Service::RestApi).await?;
    let params = json!({"name": Shop::GET_ITEM, "arguments": {"id": 2}});
    let headers = [("x-request-id", "while-it-was-away")];
    let called = first
        .request_with("tools/call", params, &headers)
        .await?
        .result()?;
    ensure!(called["structuredContent"]["id"] == 2, "{called}");
    // Its answer is out: from here on the record is on disk, whatever becomes of the process.
    mesh.kill(Service::McpServer).await?;
    mesh.start_again(Service::RestApi).await?;
    mesh.start_again(Service::McpServer).await?;
    let admin = mesh.admin()?;
    let of_call = |record: &serde_json::Value| record["request_id"] == "while-it-was-away";
    admin.audit_record("", of_call).await?;
    let all = admin.get("/audit?limit=100").await?;
    let count = all["items"]
        .as_array()
        .context("no items")?
        .iter()
        .filter(|record| of_call(record));
    ensure!(count.count() == 1, "{all}");
    // The replica that was not restarted follows again: it hears of a new key.
    mesh.agent_key().await?;
    Ok(())
}

#[tokio::test]
async fn requests_are_refused_for_now_while_postgres_is_away_and_answered_again_afterwards() -> Result<()> {
    let postgres = Postgres::start().await?;
    let setup = Setup::cluster().with_database(postgres.database("mesh").await?);
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let (session, admin) = (mesh.mcp(&key).await?, mesh.admin()?);
    session.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
    postgres.kill()?;

    let answer = admin.request(Method::GET, "/tools").send().await?;
    ensure!(
        answer.status == StatusCode::SERVICE_UNAVAILABLE,
        "{} {}",
        answer.status,
        answer.text()
    );
    ensure!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    ensure!(
        answer.header("content-type") == Some("application/problem+json"),
        "{:?}",
        answer.headers
    );
    let ready = format!(
        "{}/health/ready",
        mesh.process(Service::RestApi)?
            .url(Service::RestApi)
            .context("no URL")?
    );
    let not_ready = || async {
        let status = plain::get(&ready).await?.status;
        ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status}");
        anyhow::Ok(())
    };
    eventually(PATIENCE, not_ready).await?;
    let called = session.call(Shop::GET_ITEM, &json!({"id": 2})).await?;
    ensure!(called["structuredContent"]["id"] == 2, "{called}");

    postgres.start_again().await?;
    eventually(PATIENCE, || async { admin.get("/tools").await.map(drop) }).await?;
    let job = mesh
        .api(&key)?
        .call_async(Shop::ADD_ITEM, &json!({"name": "chest"}))
        .await?;
    admin.result_of(&job).await?;
    let of_call = |record: &serde_json::Value| record["outcome"] == "ok" && record["service"] == "mcp-server";
    let of_tool = format!("tool={}", Shop::GET_ITEM);
    let both = || async {
        let records = admin.get(&format!("/audit?{of_tool}")).await?;
        let items = records["items"].as_array().context("no items")?;
        ensure!(
            items.iter().filter(|record| of_call(record)).count() == 2,
            "{records}"
        );
        anyhow::Ok(())
    };
    eventually(PATIENCE, both).await
}

#[tokio::test]
async fn sessions_go_on_at_their_replica_while_redis_is_away() -> Result<()> {
    let redis = Redis::start().await?;
    let (mesh, shop) = (
        Setup::cluster().with_cache(redis.url()).start().await?,
        Shop::open().await?,
    );
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let before = mesh.mcp(&key).await?;
    redis.kill()?;
    let called = before.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
    ensure!(called["structuredContent"]["id"] == 1, "{called}");
    let meanwhile = mesh.mcp(&key).await?;
    meanwhile.call(Shop::GET_ITEM, &json!({"id": 2})).await?;
    redis.start_again().await?;
    for session in [&before, &meanwhile] {
        session.call(Shop::GET_ITEM, &json!({"id": 3})).await?;
    }
    let shared = mesh.mcp(&key).await?;
    let other_replica = mesh.mcp_urls().pop().context("no replica")?;
    let on_other = || async { shared.presented(&other_replica, &key).tools().await.map(drop) };
    eventually(Duration::from_secs(10), on_other).await
}

#[tokio::test]
async fn calls_are_accepted_while_the_broker_is_away_and_run_when_it_is_back() -> Result<()> {
    let rabbitmq = RabbitMq::start().await?;
    let setup = Setup::cluster().with_broker(rabbitmq.vhost("mesh").await?);
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    rabbitmq.stop().await?;
    let agent = mesh.api(&key)?;
    let mut jobs = Vec::new();
    for name in ["stool", "bench", "shelf"] {
        jobs.push(agent.call_async(Shop::ADD_ITEM, &json!({"name": name})).await?);
    }
    // A synchronous call needs no broker at all.
    let called = mesh
        .mcp(&key)
        .await?
        .call(Shop::GET_ITEM, &json!({"id": 1}))
        .await?;
    ensure!(called["structuredContent"]["id"] == 1, "{called}");
    for job in &jobs {
        let job = agent.job(job).await?;
        ensure!(job["state"] == "pending" && job["attempt"] == 0, "{job}");
    }
    ensure!(shop.additions().is_empty(), "{:?}", shop.additions());
    rabbitmq.start_again().await?;
    for job in &jobs {
        agent.result_of(job).await?;
    }
    ensure!(shop.additions().len() == jobs.len(), "{:?}", shop.additions());
    Ok(())
}
