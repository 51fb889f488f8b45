//! A consumer that waits where a poll would ask again: for one message, or, when it flows, for one after the other.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use domain::ports::QueueError;
use futures::{FutureExt, StreamExt};
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery as Raw,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use tokio::time::Instant;

use super::{bounded, delivery::give_back};

/// How long a flow may be silent before its class counts as empty: answers were given, and the broker needs this long to
/// send more. Only then do less urgent classes have their turn.
const GRACE: Duration = Duration::from_millis(5);

/// A message and the channel on which it is answered.
pub(super) struct Pulled {
    pub(super) raw: Raw,
    pub(super) channel: Channel,
}

/// What a consumer's stream gives.
type Item = Option<lapin::Result<Raw>>;

/// A consumer on a channel of its own: when the stream of deliveries is dropped, the channel closes with the last message
/// that was given out, and the broker hands what was still on its way to someone else.
pub(super) struct Armed {
    consumer: Consumer,
    channel: Channel,
    flows: bool,
    /// When it last received something.
    last: Instant,
}

impl Armed {
    /// A consumer that may receive one message, or that flows with `window` messages unanswered.
    pub(super) async fn new(
        connection: &Connection,
        queue: &ShortString,
        window: Option<u16>,
    ) -> lapin::Result<Self> {
        let channel = connection.create_channel().await?;
        channel
            .basic_qos(window.unwrap_or(1), BasicQosOptions::default())
            .await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel
            .basic_consume(queue.clone(), "".into(), options, arguments)
            .await?;
        Ok(Self {
            consumer,
            channel,
            flows: window.is_some(),
            last: Instant::now(),
        })
    }

    /// Whether it stays when it has received a message.
    pub(super) fn flows(&self) -> bool {
        self.flows
    }

    /// Where its messages are answered.
    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// What is there, or None when its class is empty.
    pub(super) async fn now(&mut self) -> Option<Item> {
        let mut item = self.consumer.next().now_or_never();
        if item.is_none() && self.flows {
            item = tokio::time::timeout_at(self.last + GRACE, self.consumer.next())
                .await
                .ok();
        }
        self.noted(item)
    }

    /// What it receives next.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Item> {
        let item = std::task::ready!(self.consumer.poll_next_unpin(context));
        self.last = Instant::now();
        Poll::Ready(item)
    }

    fn noted(&mut self, item: Option<Item>) -> Option<Item> {
        if item.is_some() {
            self.last = Instant::now();
        }
        item
    }

    /// Ends the consumer. Gives what it had received until then, if that is for one message; a flow hands it back.
    pub(super) async fn disarm(mut self, deadline: Instant) -> Result<Vec<Pulled>, QueueError> {
        let cancelled = self
            .channel
            .basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        bounded(deadline, "ending a wait", cancelled).await?;
        if self.flows {
            // Handed back when it is dropped.
            return Ok(Vec::new());
        }
        let channel = self.channel.clone();
        let received = std::iter::from_fn(|| self.received());
        Ok(received
            .map(|raw| Pulled {
                raw,
                channel: channel.clone(),
            })
            .collect())
    }

    fn received(&mut self) -> Option<Raw> {
        self.consumer.next().now_or_never()??.ok()
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        while let Some(raw) = self.received() {
            give_back(&raw.acker);
        }
    }
}
