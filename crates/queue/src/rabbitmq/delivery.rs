//! A message that was received and must be answered; without an answer it goes back.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use domain::ports::{Delivery, QueueError, QueueMessage};
use futures::FutureExt;
use lapin::{
    Acker, BasicProperties, Channel,
    options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions},
    types::AMQPValue,
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{bounded, unavailable};
use crate::{body, span::CONTEXT_HEADERS};

pub(super) struct Received {
    message: Result<QueueMessage, String>,
    acker: Acker,
    timeout: Duration,
    /// Keeps the channel open until the last answer is given, also when the stream is gone.
    _channel: Channel,
    _slot: OwnedSemaphorePermit,
}

impl Received {
    pub(super) fn new(
        raw: lapin::message::Delivery,
        channel: Channel,
        slot: OwnedSemaphorePermit,
        timeout: Duration,
    ) -> Self {
        let message = body::decode(&raw.data, context(&raw.properties));
        Self {
            message,
            acker: raw.acker,
            timeout,
            _channel: channel,
            _slot: slot,
        }
    }

    async fn answer(&self, given: impl Future<Output = lapin::Result<bool>>) -> Result<(), QueueError> {
        match bounded(Instant::now() + self.timeout, "answering", given).await? {
            true => Ok(()),
            false => Err(unavailable(
                "the connection that brought the message is gone; it comes again",
            )),
        }
    }
}

#[async_trait]
impl Delivery for Received {
    fn message(&self) -> Result<&QueueMessage, String> {
        self.message.as_ref().map_err(Clone::clone)
    }

    fn system(&self) -> &'static str {
        super::SYSTEM
    }

    async fn acknowledge(self: Box<Self>) -> Result<(), QueueError> {
        self.answer(self.acker.ack(BasicAckOptions::default())).await
    }

    async fn requeue(self: Box<Self>) -> Result<(), QueueError> {
        self.answer(self.acker.nack(BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        }))
        .await
    }

    async fn dead_letter(self: Box<Self>) -> Result<(), QueueError> {
        self.answer(self.acker.reject(BasicRejectOptions { requeue: false }))
            .await
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        give_back(&self.acker);
    }
}

/// Hands a message back without waiting; nothing happens if it was answered already.
pub(super) fn give_back(acker: &Acker) {
    // The first poll hands the frame to the connection; only the news that it was written is not waited for.
    let _ = acker
        .nack(BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        })
        .now_or_never();
}

/// The trace context in the message's headers.
fn context(properties: &BasicProperties) -> BTreeMap<String, String> {
    let Some(headers) = properties.headers() else {
        return BTreeMap::new();
    };
    let named = CONTEXT_HEADERS.iter().filter_map(|name| {
        let value = match headers.inner().get(*name)? {
            AMQPValue::LongString(value) => String::from_utf8(value.as_bytes().to_vec()).ok()?,
            AMQPValue::ShortString(value) => value.as_str().to_owned(),
            _ => return None,
        };
        Some(((*name).to_owned(), value))
    });
    named.collect()
}
