//! Receiving: pulled, so that a free slot gets what is most urgent at that moment.
//!
//! Consumers that are pushed to would need a buffer for each class, filled when urgency was different, and out of reach
//! of workers that are idle; and quorum queues have no prefetch over several consumers. So a message is asked for
//! (`basic.get`) once a slot is free. A class that was found empty gets a consumer that may receive one
//! message (it is armed): it waits where a poll would ask again, and as long as it is silent its class is known to be empty.
//! What armed consumers hold while every slot is taken is at most one message a class; when the slots stay taken,
//! they are disarmed, and the broker gives new messages to someone who is free.
//!
//! A round trip and an entry in the queue's log for each message is too slow for many short jobs. So a class with a
//! backlog flows once every slot has turned over without a wait: its consumer stays, and may hold as many messages ahead
//! as there are slots. As soon as no slot becomes free within `hold_ahead` of the options the flow ends, and what it held goes back
//! to the queue's head, where each of these messages counts one delivery more.
//!
//! A stream that is dropped in the very moment in which it asks for a message leaves that message unanswered until its
//! other deliveries are answered or the connection ends. Then it comes again.

use std::{collections::VecDeque, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use domain::ports::{Delivery, QueueError};
use futures::{
    StreamExt,
    future::try_join_all,
    stream::{self, BoxStream},
};
use lapin::{Channel, Connection, message::Delivery as Raw, options::BasicGetOptions, types::ShortString};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tracing::info;

use super::{
    armed::{Armed, Pulled},
    bounded,
    delivery::Received,
    link::Link,
    topology::Topology,
    unavailable,
};
use crate::{QueueOptions, turn};

/// How long every slot may be taken before armed consumers are disarmed. Shorter jobs than this are not worth the
/// round trips.
const PATIENCE: Duration = Duration::from_millis(100);
/// Fewer slots than this are filled one by one: what is held ahead would be nearly as much as what is worked on.
const FLOW_FROM: u16 = 8;

/// The deliveries of every class. The stream ends when the channel or its connection does.
pub(super) async fn deliveries(
    link: &Link,
    topology: &Topology,
    prefetch: u16,
    options: &QueueOptions,
    deadline: Instant,
) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
    let connection = link.connection(deadline).await?;
    let channel = bounded(deadline, "opening a channel", connection.create_channel()).await?;
    let puller = Puller {
        connection,
        channel,
        queues: topology.queues().clone(),
        armed: Default::default(),
        run: [0; 4],
        // The slots may all be taken by one class; as many again are then ahead.
        window: (prefetch >= FLOW_FROM).then(|| prefetch.saturating_mul(2)),
        set_aside: VecDeque::new(),
        slots: Arc::new(Semaphore::new(usize::from(prefetch.max(1)))),
        turn: 0,
        timeout: options.timeout,
        hold_ahead: options.hold_ahead,
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
    /// Messages of each class since a slot or a message was last waited for.
    run: [u16; 4],
    /// How many messages of a class that flows may be unanswered, those that were given out included; and after how long a
    /// run it flows, so that as many were answered at once as there are slots. None: nothing flows.
    window: Option<u16>,
    /// What consumers had received when they were disarmed.
    set_aside: VecDeque<Pulled>,
    /// One for each message that may be unanswered.
    slots: Arc<Semaphore>,
    turn: u32,
    timeout: Duration,
    hold_ahead: Duration,
}

impl Puller {
    async fn next(&mut self) -> Result<Box<dyn Delivery>, QueueError> {
        let slot = self.slot().await?;
        let Pulled { raw, channel } = self.pull().await?;
        Ok(Box::new(Received::new(raw, channel, slot, self.timeout)))
    }

    /// Waits until fewer than `prefetch` messages are unanswered.
    async fn slot(&mut self) -> Result<OwnedSemaphorePermit, QueueError> {
        if let Some(slot) = self.slot_within(self.hold_ahead).await {
            return slot;
        }
        self.end_flows().await?;
        if let Some(slot) = self.slot_within(PATIENCE).await {
            return slot;
        }
        self.disarm(|_| true).await?;
        self.slot_within(Duration::MAX)
            .await
            .unwrap_or_else(|| Err(unavailable("no slot became free")))
    }

    /// A slot that becomes free in time.
    async fn slot_within(&self, time: Duration) -> Option<Result<OwnedSemaphorePermit, QueueError>> {
        let free = tokio::time::timeout(time, Arc::clone(&self.slots).acquire_owned()).await;
        Some(free.ok()?.map_err(|_| unavailable("the subscription is over")))
    }

    async fn end_flows(&mut self) -> Result<(), QueueError> {
        self.run = [0; 4];
        self.disarm(Armed::flows).await
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
            return match armed.now().await {
                Some(item) => self.fired(class, item).await.map(Some),
                None => Ok(None),
            };
        }
        let got = self
            .channel
            .basic_get(self.queues[class].clone(), BasicGetOptions::default());
        let Some(message) = bounded(self.deadline(), "asking for a message", got).await? else {
            self.arm(class, None).await?;
            return Ok(None);
        };
        self.came(class).await?;
        Ok(Some(Pulled {
            raw: message.delivery,
            channel: self.channel.clone(),
        }))
    }

    /// Counts a message of a class without a consumer; one of many makes the class flow.
    async fn came(&mut self, class: usize) -> Result<(), QueueError> {
        self.run[class] = self.run[class].saturating_add(1);
        match self.window {
            Some(window) if self.run[class] >= window => self.arm(class, Some(window)).await,
            _ => Ok(()),
        }
    }

    async fn arm(&mut self, class: usize, window: Option<u16>) -> Result<(), QueueError> {
        let arming = Armed::new(&self.connection, &self.queues[class], window);
        self.armed[class] = Some(bounded(self.deadline(), "waiting for messages", arming).await?);
        Ok(())
    }

    /// Waits for the first armed consumer that receives something.
    async fn wait(&mut self, order: [usize; 4]) -> Result<Pulled, QueueError> {
        self.run = [0; 4];
        let armed = &mut self.armed;
        let (class, item) = poll_fn(|context| {
            for class in order {
                if let Some(armed) = &mut armed[class]
                    && let Poll::Ready(item) = armed.poll_next(context)
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
        let channel = armed.channel().clone();
        if armed.flows() {
            self.armed[class] = Some(armed);
        } else {
            // It must be gone before the message is answered: the broker would give it another one.
            self.set_aside.extend(armed.disarm(self.deadline()).await?);
            self.came(class).await?;
        }
        Ok(Pulled { raw, channel })
    }

    /// Ends the consumers that `which` names.
    async fn disarm(&mut self, which: impl Fn(&Armed) -> bool) -> Result<(), QueueError> {
        let armed = self
            .armed
            .iter_mut()
            .filter_map(|armed| armed.take_if(|armed| which(armed)));
        let armed: Vec<Armed> = armed.collect();
        let deadline = self.deadline();
        let received = try_join_all(armed.into_iter().map(|armed| armed.disarm(deadline))).await?;
        self.set_aside.extend(received.into_iter().flatten());
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }
}
