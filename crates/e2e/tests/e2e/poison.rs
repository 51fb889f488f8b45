//! Messages that nobody can read.

use anyhow::{Context, Result, ensure};
use e2e::{PATIENCE, Setup, Shop};
use lapin::options::{BasicGetOptions, BasicPublishOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::json;
use test_support::eventually;

const QUEUE: &str = "devmesh.jobs.normal";
const DEAD: &str = "devmesh.jobs.dead";

#[tokio::test]
async fn a_message_that_nobody_can_read_is_put_aside_and_counted_and_jobs_go_on() -> Result<()> {
    let (mesh, shop) = (Setup::cluster().start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let broker = mesh.broker_url().context("no broker")?;
    let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    publish(&channel, b"no job").await?;
    publish(&channel, br#"{"version": 99}"#).await?;

    let agent = mesh.api(&key)?;
    let job = agent.call_async(Shop::ADD_ITEM, &json!({"name": "lamp"})).await?;
    agent.result_of(&job).await?;
    let counted = async |wanted: f64| {
        let pages = mesh.pages().await?;
        let workers = pages.iter().filter(|page| page.service == "worker");
        let labels = [("job_type", "unknown")];
        let count: f64 = workers
            .map(|page| page.page.sum("mcp_jobs_dead_lettered_total", &labels))
            .sum();
        ensure!((count - wanted).abs() < f64::EPSILON, "{count} counted");
        anyhow::Ok(())
    };
    eventually(PATIENCE, || counted(2.0)).await?;
    let operator = mesh.admin()?;
    let letters = operator.get("/dead-letters").await?;
    ensure!(
        letters["items"]
            .as_array()
            .is_some_and(|letters| letters.len() == 2),
        "{letters}"
    );
    ensure!(agent.get("/dead-letters").await.is_err(), "an agent may see them");
    let replayed = operator.post("/dead-letters/replay", &json!({})).await?;
    ensure!(replayed["replayed"] == 2, "{replayed}");
    eventually(PATIENCE, || counted(4.0)).await?;
    let aside = || async {
        let message = channel
            .basic_get(DEAD.into(), BasicGetOptions { no_ack: true })
            .await?;
        anyhow::Ok(message.context("nothing among the dead letters")?.delivery.data)
    };
    let mut bodies = [
        eventually(PATIENCE, aside).await?,
        eventually(PATIENCE, aside).await?,
    ];
    bodies.sort();
    ensure!(
        bodies == [b"no job".to_vec(), br#"{"version": 99}"#.to_vec()],
        "{bodies:?}"
    );
    Ok(())
}

async fn publish(channel: &Channel, body: &[u8]) -> Result<()> {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel.basic_publish("".into(), QUEUE.into(), options, body, properties);
    sent.await?.await?;
    Ok(())
}
