//! Acknowledged messages a second: through the adapter, and with a lapin consumer on a queue of the same kind.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use domain::ports::{Queue, QueueMessage};
use domain::{JobId, JobKind, Priority, TenantId};
use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer};
use queue::{QueueOptions, RabbitQueue};

/// Messages that are published at once.
const BATCH: usize = 500;

/// Takes and acknowledges `messages` through the adapter; how many a second.
pub(super) async fn adapter(messages: usize, prefetch: u16) -> Result<f64> {
    let (_, queue) = filled(messages).await?;
    let mut deliveries = queue.subscribe(prefetch).await?;
    let began = Instant::now();
    for _ in 0..messages {
        let delivery = deliveries.next().await.context("the subscription ended")?;
        ensure!(delivery.message().is_ok(), "a message cannot be read");
        delivery.acknowledge().await?;
    }
    let rate = messages as f64 / began.elapsed().as_secs_f64();
    queue.close().await;
    Ok(rate)
}

/// The same with nothing but lapin.
pub(super) async fn bare(messages: usize, prefetch: u16) -> Result<f64> {
    let (url, queue) = filled(messages).await?;
    let (connection, mut deliveries) = consumer(&url, &class(), prefetch).await?;
    let began = Instant::now();
    for _ in 0..messages {
        let delivery = deliveries.next().await.context("the consumer ended")??;
        delivery.ack(BasicAckOptions::default()).await?;
    }
    let rate = messages as f64 / began.elapsed().as_secs_f64();
    connection.close(200, "done".into()).await?;
    queue.close().await;
    Ok(rate)
}

/// A consumer on a connection of its own.
pub(super) async fn consumer(url: &str, queue: &str, prefetch: u16) -> Result<(Connection, Consumer)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel
        .basic_consume(queue.into(), "".into(), options, arguments)
        .await?;
    Ok((connection, consumer))
}

/// The quorum queue of the class that [`message`] belongs to.
pub(super) fn class() -> String {
    format!(
        "{}.jobs.{}",
        QueueOptions::default().prefix,
        Priority::Normal.as_str()
    )
}

/// The adapter on a fresh virtual host, with so many messages in it; and the host's URL.
async fn filled(messages: usize) -> Result<(String, RabbitQueue)> {
    let url = test_support::fresh_vhost_or_prefix().await?;
    let queue = RabbitQueue::new(&url, &QueueOptions::default())?;
    let all: Vec<QueueMessage> = (0..messages).map(|_| message(JobId::generate())).collect();
    publish(&queue, &all).await?;
    Ok((url, queue))
}

/// Publishes all of them, confirmed.
pub(super) async fn publish(queue: &RabbitQueue, messages: &[QueueMessage]) -> Result<()> {
    for batch in messages.chunks(BATCH) {
        for published in queue.publish(batch).await {
            published?;
        }
    }
    Ok(())
}

/// A message about a job.
pub(super) fn message(job_id: JobId) -> QueueMessage {
    QueueMessage {
        job_id,
        tenant_id: TenantId::generate(),
        kind: JobKind::ToolCall,
        attempt: 1,
        priority: Priority::Normal,
        trace: BTreeMap::new(),
    }
}
