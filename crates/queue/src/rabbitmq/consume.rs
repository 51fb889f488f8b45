//! Receiving: pulled, so that a free slot gets what is most urgent at that moment.
//!
//! Consumers that are pushed to would need a buffer for each class, filled when urgency was different, and out of reach
//! of workers that are idle; and quorum queues have no prefetch over several consumers. So a message is asked for
//! (`basic.get`) once a slot is free. A class that was found empty gets a consumer that may receive one
//! message (it is armed): it waits where a poll would ask again, and as long as it is silent its class is known to be empty.
//! What armed consumers hold while every slot is taken is at most one message a class; when the slots stay taken,
//! they are disarmed, and the broker gives new messages to someone who is free.

use std::{collections::VecDeque, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use domain::ports::{Delivery, QueueError};
use futures::{
    FutureExt, StreamExt,
    future::try_join_all,
    stream::{self, BoxStream},
};
use lapin::{
    Channel, Consumer,
    message::Delivery as Raw,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tracing::info;

use super::{
    bounded,
    delivery::{Received, give_back},
    link::Link,
    topology::Topology,
    unavailable,
};
use crate::turn;

/// How long every slot may be taken before armed consumers are disarmed. Shorter jobs than this are not worth the
/// round trips.
const PATIENCE: Duration = Duration::from_millis(100);

/// The deliveries of every class. The stream ends when the channel or its connection does.
pub(super) async fn deliveries(
    link: &Link,
    topology: &Topology,
    prefetch: u16,
    deadline: Instant,
) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
    let channel = link.channel(deadline).await?;
    // One message for each consumer that is armed from now on.
    bounded(
        deadline,
        "setting the prefetch",
        channel.basic_qos(1, BasicQosOptions::default()),
    )
    .await?;
    let puller = Puller {
        channel,
        queues: topology.queues().clone(),
        armed: Default::default(),
        set_aside: VecDeque::new(),
        slots: Arc::new(Semaphore::new(usize::from(prefetch.max(1)))),
        turn: 0,
        tags: 0,
        timeout: deadline.saturating_duration_since(Instant::now()).max(PATIENCE),
    };
    let deliveries = stream::unfold(puller, |mut puller| async move {
        match puller.next().await {
            Ok(delivery) => Some((delivery, puller)),
            Err(reason) => {
                info!(%reason, "the subscription ended");
                None
            }
        }
    });
    Ok(deliveries.boxed())
}

struct Puller {
    channel: Channel,
    /// In the order of `Priority::ALL`, like `armed`.
    queues: [ShortString; 4],
    armed: [Option<Consumer>; 4],
    /// What consumers had received when they were disarmed.
    set_aside: VecDeque<Raw>,
    /// One for each message that may be unanswered.
    slots: Arc<Semaphore>,
    turn: u32,
    tags: u64,
    timeout: Duration,
}

impl Puller {
    async fn next(&mut self) -> Result<Box<dyn Delivery>, QueueError> {
        let slot = self.slot().await?;
        let raw = self.pull().await?;
        Ok(Box::new(Received::new(
            raw,
            self.channel.clone(),
            slot,
            self.timeout,
        )))
    }

    /// Waits until fewer than `prefetch` messages are unanswered.
    async fn slot(&mut self) -> Result<OwnedSemaphorePermit, QueueError> {
        let free = tokio::time::timeout(PATIENCE, Arc::clone(&self.slots).acquire_owned()).await;
        let slot = match free {
            Ok(slot) => slot,
            Err(_) => {
                self.disarm_all().await?;
                Arc::clone(&self.slots).acquire_owned().await
            }
        };
        slot.map_err(|_| unavailable("the subscription is over"))
    }

    /// The next message, waited for as long as it takes.
    async fn pull(&mut self) -> Result<Raw, QueueError> {
        if let Some(raw) = self.set_aside.pop_front() {
            return Ok(raw);
        }
        let order = turn::order(self.turn);
        self.turn = self.turn.wrapping_add(1);
        for class in order {
            if let Some(raw) = self.look(class).await? {
                return Ok(raw);
            }
        }
        self.wait(order).await
    }

    /// A message of the class if there is one now; otherwise its consumer is armed afterwards.
    async fn look(&mut self, class: usize) -> Result<Option<Raw>, QueueError> {
        if let Some(consumer) = &mut self.armed[class] {
            return match consumer.next().now_or_never() {
                Some(item) => self.fired(class, item).await.map(Some),
                None => Ok(None),
            };
        }
        let got = self
            .channel
            .basic_get(self.queues[class].clone(), BasicGetOptions::default());
        let got = bounded(self.deadline(), "asking for a message", got).await?;
        if got.is_none() {
            self.arm(class).await?;
        }
        Ok(got.map(|message| message.delivery))
    }

    async fn arm(&mut self, class: usize) -> Result<(), QueueError> {
        self.tags += 1;
        let queue = self.queues[class].clone();
        let tag = ShortString::from(format!("waiting-{}", self.tags));
        let consumer =
            self.channel
                .basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default());
        self.armed[class] = Some(bounded(self.deadline(), "waiting for messages", consumer).await?);
        Ok(())
    }

    /// Waits for the first armed consumer that receives something.
    async fn wait(&mut self, order: [usize; 4]) -> Result<Raw, QueueError> {
        let armed = &mut self.armed;
        let (class, item) = poll_fn(|context| {
            for class in order {
                if let Some(consumer) = &mut armed[class]
                    && let Poll::Ready(item) = consumer.poll_next_unpin(context)
                {
                    return Poll::Ready((class, item));
                }
            }
            Poll::Pending
        })
        .await;
        self.fired(class, item).await
    }

    /// An armed consumer received its message, or ended.
    async fn fired(&mut self, class: usize, item: Option<lapin::Result<Raw>>) -> Result<Raw, QueueError> {
        let consumer = self.armed[class].take();
        let raw = item
            .ok_or_else(|| unavailable("the broker cancelled the consumer"))?
            .map_err(|error| unavailable(error.to_string()))?;
        // It must be gone before the message is answered: the broker would give it another one.
        let rest =
            try_join_all(consumer.map(|consumer| disarm(&self.channel, consumer, self.deadline()))).await;
        match rest {
            Ok(rest) => self.set_aside.extend(rest.into_iter().flatten()),
            Err(error) => {
                give_back(&raw.acker);
                return Err(error);
            }
        }
        Ok(raw)
    }

    async fn disarm_all(&mut self) -> Result<(), QueueError> {
        let armed: Vec<Consumer> = self.armed.iter_mut().filter_map(Option::take).collect();
        let deadline = self.deadline();
        let disarmed = armed
            .into_iter()
            .map(|consumer| disarm(&self.channel, consumer, deadline));
        self.set_aside
            .extend(try_join_all(disarmed).await?.into_iter().flatten());
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }
}

/// Ends a consumer, and gives what it had received until then.
async fn disarm(
    channel: &Channel,
    mut consumer: Consumer,
    deadline: Instant,
) -> Result<Vec<Raw>, QueueError> {
    let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
    bounded(deadline, "ending a wait", cancelled).await?;
    Ok(received(&mut consumer))
}

/// What a consumer has received and nobody has read.
fn received(consumer: &mut Consumer) -> Vec<Raw> {
    let mut received = Vec::new();
    while let Some(Some(Ok(raw))) = consumer.next().now_or_never() {
        received.push(raw);
    }
    received
}

/// What nobody has read goes back at once; deliveries that are still unanswered may keep the channel open for long.
impl Drop for Puller {
    fn drop(&mut self) {
        for consumer in self.armed.iter_mut().flatten() {
            self.set_aside.extend(received(consumer));
        }
        for raw in &self.set_aside {
            give_back(&raw.acker);
        }
    }
}
