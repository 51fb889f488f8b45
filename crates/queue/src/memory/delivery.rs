//! A message that was taken and must be answered; without an answer it goes back.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ports::{Delivery, QueueError, QueueMessage};
use tokio::sync::OwnedSemaphorePermit;

use super::{Parcel, Shared};
use crate::body;

pub(super) struct Taken {
    message: Result<QueueMessage, String>,
    /// There until it is answered.
    parcel: Option<Parcel>,
    queue: Arc<Shared>,
    _slot: OwnedSemaphorePermit,
}

impl Taken {
    pub(super) fn new(parcel: Parcel, queue: Arc<Shared>, slot: OwnedSemaphorePermit) -> Self {
        let message = body::decode(&parcel.body, parcel.trace.clone());
        Self {
            message,
            parcel: Some(parcel),
            queue,
            _slot: slot,
        }
    }
}

#[async_trait]
impl Delivery for Taken {
    fn message(&self) -> Result<&QueueMessage, String> {
        self.message.as_ref().map_err(Clone::clone)
    }

    fn system(&self) -> &'static str {
        super::SYSTEM
    }

    async fn acknowledge(mut self: Box<Self>) -> Result<(), QueueError> {
        self.parcel = None;
        Ok(())
    }

    async fn requeue(self: Box<Self>) -> Result<(), QueueError> {
        Ok(()) // Its drop puts it back.
    }

    async fn dead_letter(mut self: Box<Self>) -> Result<(), QueueError> {
        if let Some(parcel) = self.parcel.take() {
            self.queue.put_aside(parcel);
        }
        Ok(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(parcel) = self.parcel.take() {
            self.queue.put_back(parcel);
        }
    }
}
