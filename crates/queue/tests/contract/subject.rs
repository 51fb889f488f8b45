//! A queue under test, and the few things a test needs beside the port.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{
    JobId, JobKind, Priority, TenantId,
    ports::{Delivery, Queue, QueueMessage},
};
use futures::{StreamExt, stream::BoxStream};
use lapin::{BasicProperties, Connection, ConnectionProperties, options::BasicPublishOptions};
use queue::{MemoryQueue, QueueOptions, RabbitQueue};

/// How long anything that should happen may take.
pub const SOON: Duration = Duration::from_secs(20);
/// How long a test looks at something that should not happen.
pub const A_WHILE: Duration = Duration::from_millis(400);

pub type Deliveries = BoxStream<'static, Box<dyn Delivery>>;

pub enum Subject {
    InProcess {
        shared: MemoryQueue,
        options: QueueOptions,
    },
    RabbitMq {
        url: String,
        options: QueueOptions,
    },
}

impl Subject {
    pub fn in_process() -> Self {
        let options = QueueOptions::default();
        Self::InProcess {
            shared: MemoryQueue::new(&options),
            options,
        }
    }

    pub async fn rabbitmq() -> Self {
        let url = test_support::fresh_vhost_or_prefix().await.unwrap();
        Self::RabbitMq {
            url,
            options: QueueOptions::default(),
        }
    }

    /// The same with other settings; only before the first use.
    pub fn with(self, set: impl FnOnce(&mut QueueOptions)) -> Self {
        match self {
            Self::InProcess { mut options, .. } => {
                set(&mut options);
                Self::InProcess {
                    shared: MemoryQueue::new(&options),
                    options,
                }
            }
            Self::RabbitMq { url, mut options } => {
                set(&mut options);
                Self::RabbitMq { url, options }
            }
        }
    }

    /// A participant: another process with RabbitMQ, another handle in this process.
    pub fn queue(&self) -> Arc<dyn Queue> {
        match self {
            Self::InProcess { shared, .. } => Arc::new(shared.clone()),
            Self::RabbitMq { url, options } => Arc::new(RabbitQueue::new(url, options).unwrap()),
        }
    }

    /// Puts bytes into a class past the port. The class must exist.
    pub async fn put_bytes(&self, priority: Priority, body: &[u8]) {
        match self {
            Self::InProcess { shared, .. } => shared.put_bytes(priority, body.to_vec()).unwrap(),
            Self::RabbitMq { url, options } => {
                let queue = format!("{}.jobs.{}", options.prefix, priority.as_str());
                let connection = Connection::connect(url, ConnectionProperties::default())
                    .await
                    .unwrap();
                let channel = connection.create_channel().await.unwrap();
                channel.confirm_select(Default::default()).await.unwrap();
                let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
                let sent = channel
                    .basic_publish("".into(), queue.into(), options, body, properties)
                    .await;
                assert!(sent.unwrap().await.unwrap().is_ack());
            }
        }
    }
}

pub fn message(priority: Priority) -> QueueMessage {
    QueueMessage {
        job_id: JobId::generate(),
        tenant_id: TenantId::generate(),
        kind: JobKind::ToolCall,
        attempt: 1,
        priority,
        trace: BTreeMap::new(),
    }
}

pub fn messages(count: usize, priority: Priority) -> Vec<QueueMessage> {
    (0..count).map(|_| message(priority)).collect()
}

/// Publishes, and every message is taken.
pub async fn publish(queue: &Arc<dyn Queue>, messages: &[QueueMessage]) {
    for result in queue.publish(messages).await {
        result.unwrap();
    }
}

/// The next delivery, soon.
pub async fn next(deliveries: &mut Deliveries) -> Box<dyn Delivery> {
    tokio::time::timeout(SOON, deliveries.next())
        .await
        .expect("nothing came")
        .expect("the stream ended")
}

/// The id of the next message, which is acknowledged.
pub async fn take(deliveries: &mut Deliveries) -> JobId {
    let delivery = next(deliveries).await;
    let id = delivery.message().unwrap().job_id;
    delivery.acknowledge().await.unwrap();
    id
}

/// Nothing comes for a while.
pub async fn assert_silent(deliveries: &mut Deliveries) {
    if let Ok(Some(delivery)) = tokio::time::timeout(A_WHILE, deliveries.next()).await {
        panic!("unexpected: {:?}", delivery.message());
    }
}
