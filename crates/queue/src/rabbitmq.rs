//! RabbitMQ: one quorum queue a class, confirmed publishing, manual acknowledgement, dead letters kept.
//!
//! Publishing and consuming have a connection each, made when first needed: a broker that is short of memory stops
//! reading from publishers, and acknowledgements must get through all the same.

mod armed;
mod consume;
mod dead;
mod delivery;
mod link;
mod publish;
mod topology;

use std::sync::Arc;

use async_trait::async_trait;
use domain::ports::{Delivery, Queue, QueueError, QueueMessage};
use futures::stream::BoxStream;
use lapin::uri::{AMQPScheme, AMQPUri};
use tokio::time::Instant;

use self::{link::Link, publish::Publisher, topology::Topology};
use crate::QueueOptions;

/// What the spans call this broker.
const SYSTEM: &str = "rabbitmq";

/// Queues at a RabbitMQ broker (3.10 or newer).
pub struct RabbitQueue {
    publishing: Arc<Link>,
    consuming: Arc<Link>,
    topology: Arc<Topology>,
    publisher: Publisher,
    options: QueueOptions,
}

impl RabbitQueue {
    /// The queues at the broker that `url` names. Nothing is connected yet.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] when the URL is no `amqp://` or `amqps://` URL, or not the latter where authorities are
    /// named, or the prefix is too long.
    pub fn new(url: &str, options: &QueueOptions) -> Result<Self, QueueError> {
        // The parser's own words may repeat the URL, and with it the password.
        let uri: AMQPUri = url
            .parse()
            .map_err(|_| unavailable("the queue's URL is no amqp:// or amqps:// URL"))?;
        if options.authorities.is_some() && uri.scheme != AMQPScheme::AMQPS {
            return Err(unavailable(
                "expected amqps://…, since `queue.ca_file` names authorities",
            ));
        }
        let topology = Arc::new(Topology::new(options)?);
        let publishing = Arc::new(Link::new(uri.clone(), "devmesh publishing", options));
        let consuming = Arc::new(Link::new(uri, "devmesh consuming", options));
        let publisher = Publisher::new(Arc::clone(&publishing), Arc::clone(&topology), options.timeout);
        Ok(Self {
            publishing,
            consuming,
            topology,
            publisher,
            options: options.clone(),
        })
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.options.timeout
    }

    /// The connection that is there already, so that a look at the broker does not open a second one.
    async fn any_link(&self) -> &Link {
        if self.consuming.is_connected().await {
            &self.consuming
        } else {
            &self.publishing
        }
    }
}

#[async_trait]
impl Queue for RabbitQueue {
    async fn publish(&self, messages: &[QueueMessage]) -> Vec<Result<(), QueueError>> {
        self.publisher.publish(messages).await
    }

    async fn subscribe(&self, prefetch: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
        let deadline = self.deadline();
        self.topology.declare(&self.consuming, deadline).await?;
        consume::deliveries(&self.consuming, &self.topology, prefetch, &self.options, deadline).await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<Vec<u8>>, QueueError> {
        let (link, deadline) = (self.any_link().await, self.deadline());
        self.topology.declare(link, deadline).await?;
        dead::list(link, self.topology.dead_queue(), limit, deadline).await
    }

    async fn replay_dead_letters(&self, limit: usize) -> Result<usize, QueueError> {
        let (link, deadline) = (self.any_link().await, self.deadline());
        self.topology.declare(link, deadline).await?;
        dead::replay(link, &self.topology, limit, deadline).await
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.any_link().await.ping(self.deadline()).await
    }

    async fn close(&self) {
        let deadline = self.deadline();
        tokio::join!(self.publishing.close(deadline), self.consuming.close(deadline));
    }
}

fn unavailable(reason: impl Into<String>) -> QueueError {
    QueueError::Unavailable(reason.into())
}

/// Waits for `work` until `deadline`. `what` begins the error's text.
async fn bounded<T>(
    deadline: Instant,
    what: &str,
    work: impl Future<Output = lapin::Result<T>>,
) -> Result<T, QueueError> {
    match tokio::time::timeout_at(deadline, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(unavailable(format!("{what}: {error}"))),
        Err(_) => Err(unavailable(format!("{what}: no answer in time"))),
    }
}
