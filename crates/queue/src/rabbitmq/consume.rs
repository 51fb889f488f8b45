//! Receiving: pulled, so that a free slot gets what is most urgent at that moment.
//!
//! Consumers that are pushed to would need a buffer for each class, filled when urgency was different, and out of reach
//! of workers that are idle; and quorum queues have no prefetch over several consumers. So a message is asked for
//! (`basic.get`) once a slot is free. A class that was found empty gets a consumer that may receive one
//! message (it is armed): it waits where a poll would ask again, and as long as it is silent its class is known to be empty.
//! What armed consumers hold while every slot is taken is at most one message a class; when the slots stay taken,
//! they are disarmed, and the broker gives new messages to someone who is free.
//!
//! A stream that is dropped in the very moment in which it asks for a message leaves that message unanswered until its
//! other deliveries are answered or the connection ends. Then it comes again.

use std::{collections::VecDeque, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use domain::ports::{Delivery, QueueError};
use futures::{
    FutureExt, StreamExt,
    future::try_join_all,
    stream::{self, BoxStream},
};
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery as Raw,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tracing::info;

use super::{bounded, delivery::Received, link::Link, topology::Topology, unavailable};
use crate::turn;

/// How long every slot may be taken before armed consumers are disarmed. Shorter jobs than this are not worth the
/// round trips.
const PATIENCE: Duration = Duration::from_millis(100);

/// The deliveries of every class. The stream ends when the channel or its connection does.
pub(super) async fn deliveries(
    link: &Link,
    topology: &Topology,
    prefetch: u16,
    timeout: Duration,
    deadline: Instant,
) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
    let connection = link.connection(deadline).await?;
    let channel = bounded(deadline, "opening a channel", connection.create_channel()).await?;
    let puller = Puller {
        connection,
        channel,
        queues: topology.queues().clone(),
        armed: Default::default(),
        set_aside: VecDeque::new(),
        slots: Arc::new(Semaphore::new(usize::from(prefetch.max(1)))),
        turn: 0,
        timeout,
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
    connection: Arc<Connection>,
    /// Where messages are asked for.
    channel: Channel,
    /// In the order of `Priority::ALL`, like `armed`.
    queues: [ShortString; 4],
    armed: [Option<Armed>; 4],
    /// What consumers had received when they were disarmed.
    set_aside: VecDeque<Pulled>,
    /// One for each message that may be unanswered.
    slots: Arc<Semaphore>,
    turn: u32,
    timeout: Duration,
}

impl Puller {
    async fn next(&mut self) -> Result<Box<dyn Delivery>, QueueError> {
        let slot = self.slot().await?;
        let Pulled { raw, channel } = self.pull().await?;
        Ok(Box::new(Received::new(raw, channel, slot, self.timeout)))
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
    async fn pull(&mut self) -> Result<Pulled, QueueError> {
        if let Some(pulled) = self.set_aside.pop_front() {
            return Ok(pulled);
        }
        let order = turn::order(self.turn);
        self.turn = self.turn.wrapping_add(1);
        for class in order {
            if let Some(pulled) = self.look(class).await? {
                return Ok(pulled);
            }
        }
        self.wait(order).await
    }

    /// A message of the class if there is one now; otherwise its consumer is armed afterwards.
    async fn look(&mut self, class: usize) -> Result<Option<Pulled>, QueueError> {
        if let Some(armed) = &mut self.armed[class] {
            return match armed.consumer.next().now_or_never() {
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
        Ok(got.map(|message| Pulled {
            raw: message.delivery,
            channel: self.channel.clone(),
        }))
    }

    async fn arm(&mut self, class: usize) -> Result<(), QueueError> {
        let queue = self.queues[class].clone();
        let arming = async {
            let channel = self.connection.create_channel().await?;
            channel.basic_qos(1, BasicQosOptions::default()).await?;
            let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
            let consumer = channel
                .basic_consume(queue, "".into(), options, arguments)
                .await?;
            Ok(Armed { consumer, channel })
        };
        self.armed[class] = Some(bounded(self.deadline(), "waiting for messages", arming).await?);
        Ok(())
    }

    /// Waits for the first armed consumer that receives something.
    async fn wait(&mut self, order: [usize; 4]) -> Result<Pulled, QueueError> {
        let armed = &mut self.armed;
        let (class, item) = poll_fn(|context| {
            for class in order {
                if let Some(armed) = &mut armed[class]
                    && let Poll::Ready(item) = armed.consumer.poll_next_unpin(context)
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
    async fn fired(&mut self, class: usize, item: Option<lapin::Result<Raw>>) -> Result<Pulled, QueueError> {
        let raw = item
            .ok_or_else(|| unavailable("the broker cancelled the consumer"))?
            .map_err(|error| unavailable(error.to_string()))?;
        let armed = self.armed[class]
            .take()
            .ok_or_else(|| unavailable("a message came to nobody"))?;
        let channel = armed.channel.clone();
        // It must be gone before the message is answered: the broker would give it another one.
        self.set_aside.extend(armed.disarm(self.deadline()).await?);
        Ok(Pulled { raw, channel })
    }

    async fn disarm_all(&mut self) -> Result<(), QueueError> {
        let armed: Vec<Armed> = self.armed.iter_mut().filter_map(Option::take).collect();
        let deadline = self.deadline();
        let received = try_join_all(armed.into_iter().map(|armed| armed.disarm(deadline))).await?;
        self.set_aside.extend(received.into_iter().flatten());
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }
}

/// A consumer that waits for one message, on a channel of its own: when the stream is dropped before it was given
/// out, the channel closes, and the broker hands the message to someone else, also when it was still on its way.
struct Armed {
    consumer: Consumer,
    channel: Channel,
}

impl Armed {
    /// Ends the consumer, and gives what it had received until then.
    async fn disarm(mut self, deadline: Instant) -> Result<Vec<Pulled>, QueueError> {
        let cancelled = self
            .channel
            .basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        bounded(deadline, "ending a wait", cancelled).await?;
        let mut received = Vec::new();
        while let Some(Some(Ok(raw))) = self.consumer.next().now_or_never() {
            received.push(Pulled {
                raw,
                channel: self.channel.clone(),
            });
        }
        Ok(received)
    }
}

/// A message and the channel on which it is answered.
struct Pulled {
    raw: Raw,
    channel: Channel,
}
