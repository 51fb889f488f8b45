//! The queue in this process: bounded, nothing durable. What it loses with the process the outbox publishes again.

mod delivery;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use domain::{
    Priority,
    ports::{Delivery, Queue, QueueError, QueueMessage},
};
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::sync::{Notify, Semaphore, watch};

use self::delivery::Taken;
use crate::{QueueOptions, body, span::Sending, turn};

/// What the spans call this broker.
const SYSTEM: &str = "in_memory";

/// A queue that lives in this process. Clones share it.
#[derive(Clone)]
pub struct MemoryQueue(Arc<Shared>);

impl MemoryQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(options: &QueueOptions) -> Self {
        Self(Arc::new(Shared {
            options: options.clone(),
            state: Mutex::default(),
            arrived: Notify::new(),
            closed: watch::Sender::new(false),
        }))
    }

    /// Puts bytes into a class as they are, like another producer of the same broker might: a newer release, or a
    /// person.
    ///
    /// # Errors
    /// [`QueueError::Refused`] when the class is full, [`QueueError::Unavailable`] after `close`.
    pub fn put_bytes(&self, priority: Priority, body: Vec<u8>) -> Result<(), QueueError> {
        let parcel = Parcel {
            priority,
            body,
            trace: BTreeMap::new(),
            returns: 0,
        };
        self.0.put(parcel)
    }

    fn send(&self, message: &QueueMessage) -> Result<(), QueueError> {
        let body = body::encode(message)?;
        let destination = format!("{}.jobs.{}", self.0.options.prefix, message.priority.as_str());
        let (sending, trace) = Sending::start(SYSTEM, &destination, message, body.len());
        let outcome = self.0.put(Parcel {
            priority: message.priority,
            body,
            trace,
            returns: 0,
        });
        sending.end(&outcome);
        outcome
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn publish(&self, messages: &[QueueMessage]) -> Vec<Result<(), QueueError>> {
        messages.iter().map(|message| self.send(message)).collect()
    }

    async fn subscribe(&self, prefetch: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
        self.0.check_open()?;
        let slots = Arc::new(Semaphore::new(usize::from(prefetch.max(1))));
        let state = (Arc::clone(&self.0), slots);
        let deliveries = stream::unfold(state, |(shared, slots)| async move {
            let delivery: Box<dyn Delivery> = Box::new(shared.next(&slots).await?);
            Some((delivery, (shared, slots)))
        });
        Ok(deliveries.boxed())
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<Vec<u8>>, QueueError> {
        self.0.check_open()?;
        let state = self.0.lock();
        let bodies = state.dead.iter().take(limit).map(|parcel| parcel.body.clone());
        Ok(bodies.collect())
    }

    async fn replay_dead_letters(&self, limit: usize) -> Result<usize, QueueError> {
        self.0.check_open()?;
        let waiting = self.0.lock().dead.len().min(limit);
        for replayed in 0..waiting {
            let Some(mut parcel) = self.0.lock().dead.pop_front() else {
                return Ok(replayed);
            };
            parcel.returns = 0;
            self.0.put(parcel)?;
        }
        Ok(waiting)
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.0.check_open()
    }

    async fn close(&self) {
        self.0.closed.send_replace(true);
    }
}

/// A message as it waits.
struct Parcel {
    priority: Priority,
    body: Vec<u8>,
    trace: BTreeMap<String, String>,
    /// How often it came back unanswered.
    returns: u32,
}

#[derive(Default)]
struct State {
    /// One row a class, in the order of `Priority::ALL`.
    classes: [VecDeque<Parcel>; 4],
    dead: VecDeque<Parcel>,
    turn: u32,
}

impl State {
    fn class(&mut self, priority: Priority) -> &mut VecDeque<Parcel> {
        let [critical, high, normal, low] = &mut self.classes;
        match priority {
            Priority::Critical => critical,
            Priority::High => high,
            Priority::Normal => normal,
            Priority::Low => low,
        }
    }

    fn take(&mut self) -> Option<Parcel> {
        let order = turn::order(self.turn);
        let parcel = order
            .into_iter()
            .find_map(|class| self.classes[class].pop_front())?;
        self.turn = self.turn.wrapping_add(1);
        Some(parcel)
    }
}

struct Shared {
    options: QueueOptions,
    state: Mutex<State>,
    arrived: Notify,
    closed: watch::Sender<bool>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_open(&self) -> Result<(), QueueError> {
        if *self.closed.borrow() {
            return Err(QueueError::Unavailable("the queue is closed".into()));
        }
        Ok(())
    }

    fn put(&self, parcel: Parcel) -> Result<(), QueueError> {
        self.check_open()?;
        let mut state = self.lock();
        let class = state.class(parcel.priority);
        if class.len() >= self.options.max_length as usize {
            return Err(QueueError::Refused(format!(
                "the class {} is full",
                parcel.priority.as_str()
            )));
        }
        class.push_back(parcel);
        drop(state);
        self.arrived.notify_waiters();
        Ok(())
    }

    /// Puts a message back where it was, or aside when it came back too often.
    fn put_back(&self, mut parcel: Parcel) {
        parcel.returns += 1;
        if parcel.returns > self.options.delivery_limit {
            return self.put_aside(parcel);
        }
        self.lock().class(parcel.priority).push_front(parcel);
        self.arrived.notify_waiters();
    }

    /// Keeps a dead letter; the oldest gives way when there are too many.
    fn put_aside(&self, parcel: Parcel) {
        let mut state = self.lock();
        state.dead.push_back(parcel);
        if state.dead.len() > self.options.max_length as usize {
            state.dead.pop_front();
        }
    }

    /// The next message once there is a free slot and a message; nothing after `close`.
    async fn next(self: &Arc<Self>, slots: &Arc<Semaphore>) -> Option<Taken> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            taken = self.take(slots) => taken,
        }
    }

    async fn take(self: &Arc<Self>, slots: &Arc<Semaphore>) -> Option<Taken> {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            // Registered before the look, so that a message that comes in between is not missed.
            arrived.as_mut().enable();
            let parcel = self.lock().take();
            if let Some(parcel) = parcel {
                return Some(Taken::new(parcel, Arc::clone(self), slot));
            }
            arrived.await;
        }
    }
}
