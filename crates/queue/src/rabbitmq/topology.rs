//! The names and arguments of exchange and queues, declared on each fresh channel that uses them.

use domain::{Priority, ports::QueueError};
use lapin::{
    Channel, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::Instant;
use tracing::warn;

use super::{bounded, link::Link, unavailable};
use crate::QueueOptions;

/// Reading the dead letters hands them back each time, which counts as a delivery; newer brokers drop what was delivered
/// 20 times unless told otherwise, and not every version knows "never".
const DEAD_DELIVERY_LIMIT: i64 = i32::MAX as i64;

/// Longest prefix, so that every name fits AMQP's 255 bytes.
const LONGEST_PREFIX: usize = 100;

/// What is declared at the broker.
pub(super) struct Topology {
    /// One queue a class, in the order of `Priority::ALL`.
    queues: [ShortString; 4],
    dead_exchange: ShortString,
    dead_queue: ShortString,
    max_length: i64,
    delivery_limit: i64,
}

impl Topology {
    pub(super) fn new(options: &QueueOptions) -> Result<Self, QueueError> {
        let prefix = &options.prefix;
        if prefix.is_empty() || prefix.len() > LONGEST_PREFIX {
            return Err(unavailable(format!(
                "the queue's prefix must have 1 to {LONGEST_PREFIX} bytes"
            )));
        }
        Ok(Self {
            queues: Priority::ALL.map(|class| format!("{prefix}.jobs.{}", class.as_str()).into()),
            dead_exchange: format!("{prefix}.dead").into(),
            dead_queue: format!("{prefix}.jobs.dead").into(),
            max_length: options.max_length.into(),
            delivery_limit: options.delivery_limit.into(),
        })
    }

    /// The queues of the classes, in the order of `Priority::ALL`.
    pub(super) fn queues(&self) -> &[ShortString; 4] {
        &self.queues
    }

    /// The queue of a class.
    pub(super) fn queue(&self, priority: Priority) -> &ShortString {
        let [critical, high, normal, low] = &self.queues;
        match priority {
            Priority::Critical => critical,
            Priority::High => high,
            Priority::Normal => normal,
            Priority::Low => low,
        }
    }

    /// Where dead letters stay.
    pub(super) fn dead_queue(&self) -> &ShortString {
        &self.dead_queue
    }

    /// Declares everything; what is there stays as it is.
    pub(super) async fn declare(&self, link: &Link, deadline: Instant) -> Result<(), QueueError> {
        let mut channel = link.channel(deadline).await?;
        self.declare_exchange(&channel, deadline).await?;
        channel = declare_queue(link, channel, &self.dead_queue, dead_arguments(), deadline).await?;
        self.bind(&channel, deadline).await?;
        for queue in &self.queues {
            channel = declare_queue(link, channel, queue, self.arguments(), deadline).await?;
        }
        Ok(())
    }

    async fn declare_exchange(&self, channel: &Channel, deadline: Instant) -> Result<(), QueueError> {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let exchange = self.dead_exchange.clone();
        let declared =
            channel.exchange_declare(exchange, ExchangeKind::Fanout, options, FieldTable::default());
        bounded(deadline, "declaring the dead-letter exchange", declared).await
    }

    async fn bind(&self, channel: &Channel, deadline: Instant) -> Result<(), QueueError> {
        let (queue, exchange) = (self.dead_queue.clone(), self.dead_exchange.clone());
        let options = QueueBindOptions::default();
        let bound = channel.queue_bind(queue, exchange, "".into(), options, FieldTable::default());
        bounded(deadline, "binding the dead-letter queue", bound).await
    }

    fn arguments(&self) -> FieldTable {
        let mut arguments = quorum();
        text(&mut arguments, "x-overflow", "reject-publish");
        number(&mut arguments, "x-max-length", self.max_length);
        number(&mut arguments, "x-delivery-limit", self.delivery_limit);
        text(
            &mut arguments,
            "x-dead-letter-exchange",
            self.dead_exchange.as_str(),
        );
        text(&mut arguments, "x-dead-letter-strategy", "at-least-once");
        arguments
    }
}

fn dead_arguments() -> FieldTable {
    let mut arguments = quorum();
    number(&mut arguments, "x-delivery-limit", DEAD_DELIVERY_LIMIT);
    arguments
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    text(&mut arguments, "x-queue-type", "quorum");
    arguments
}

fn text(arguments: &mut FieldTable, name: &str, value: &str) {
    arguments.insert(name.into(), AMQPValue::LongString(value.into()));
}

fn number(arguments: &mut FieldTable, name: &str, value: i64) {
    arguments.insert(name.into(), AMQPValue::LongLongInt(value));
}

/// Declares a queue and gives back a channel that is open.
///
/// A queue that exists with other arguments is used as it is: an operator who changed a limit would otherwise have
/// stopped all work. The broker closes the channel over it, so there is another one then.
async fn declare_queue(
    link: &Link,
    channel: Channel,
    queue: &ShortString,
    arguments: FieldTable,
    deadline: Instant,
) -> Result<Channel, QueueError> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declaring = async {
        match channel.queue_declare(queue.clone(), options, arguments).await {
            Err(error) if is_mismatch(&error) => Ok(Some(error)),
            other => other.map(|_| None),
        }
    };
    match bounded(deadline, "declaring a queue", declaring).await? {
        None => Ok(channel),
        Some(error) => {
            warn!(%queue, %error, "the queue exists with other arguments than configured and is used as it is");
            link.channel(deadline).await
        }
    }
}

fn is_mismatch(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if *error.kind() == AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED))
}
