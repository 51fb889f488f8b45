//! The queue port: a broker that holds only jobs that can run now.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{JobId, TenantId};
use crate::job::{JobKind, Priority};

/// What travels: which attempt of which job, never its payload. Version 1 of the message body is this struct as JSON;
/// `trace` travels in the message's headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueMessage {
    /// The job.
    pub job_id: JobId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its kind.
    pub kind: JobKind,
    /// The attempt that a claim must carry.
    pub attempt: u32,
    /// Its class: which queue it goes to.
    pub priority: Priority,
    /// W3C trace context.
    #[serde(skip)]
    pub trace: BTreeMap<String, String>,
}

/// Why the queue could not take or give a message.
#[derive(Debug, Error)]
pub enum QueueError {
    /// The broker cannot be reached; the caller tries again later.
    #[error("the message broker is not available: {0}")]
    Unavailable(String),
    /// The broker refused the message (full, or the queue is missing).
    #[error("the message broker refused the message: {0}")]
    Refused(String),
}

/// A message that was received and must be answered.
#[async_trait]
pub trait Delivery: Send {
    /// The message, or why its bytes are none (a poison message).
    fn message(&self) -> Result<&QueueMessage, String>;
    /// Which broker brought it: `messaging.system` of OpenTelemetry's conventions.
    fn system(&self) -> &'static str;
    /// It is dealt with.
    async fn acknowledge(self: Box<Self>) -> Result<(), QueueError>;
    /// Hand it to someone else.
    async fn requeue(self: Box<Self>) -> Result<(), QueueError>;
    /// Put it aside among the dead letters.
    async fn dead_letter(self: Box<Self>) -> Result<(), QueueError>;
}

/// A broker.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Publishes, and returns once the broker has the messages safe; one result a message, in their order.
    async fn publish(&self, messages: &[QueueMessage]) -> Vec<Result<(), QueueError>>;
    /// Receives from every class, most urgent first, at most `prefetch` unanswered at once. The stream ends when
    /// the connection does; the caller subscribes again.
    async fn subscribe(&self, prefetch: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError>;
    /// Messages put aside, oldest first, at most `limit`; they stay where they are.
    async fn dead_letters(&self, limit: usize) -> Result<Vec<Vec<u8>>, QueueError>;
    /// Hands the oldest dead letters, at most `limit`, to their queues again; answers how many. One that still cannot be
    /// read comes back here. What fails in between stays where it is; nothing is lost, and nothing is handed on twice
    /// unless the broker forgets that it did.
    async fn replay_dead_letters(&self, limit: usize) -> Result<usize, QueueError>;
    /// Whether the broker answers.
    async fn ping(&self) -> Result<(), QueueError>;
    /// Closes the connection.
    async fn close(&self);
}
