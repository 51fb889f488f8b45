//! RabbitMQ may be away: the outbox holds.

use anyhow::{Result, ensure};
use e2e::{Setup, Shop};
use serde_json::json;
use test_support::RabbitMq;

#[tokio::test]
async fn slow_calls_are_accepted_while_the_broker_is_away_and_run_when_it_is_back() -> Result<()> {
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
