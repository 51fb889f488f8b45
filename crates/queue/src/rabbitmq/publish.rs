//! Publishing with confirms: a batch is sent in one go, then its confirms are awaited together.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::ports::{QueueError, QueueMessage};
use futures::future::join_all;
use lapin::{
    BasicProperties, Channel, Confirmation, PublisherConfirm,
    message::BasicReturnMessage,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::{sync::Mutex, time::Instant};

use super::{SYSTEM, bounded, link::Link, topology::Topology, unavailable};
use crate::{body, span::Sending};

/// AMQP's delivery mode of messages that survive the broker's restart.
const PERSISTENT: u8 = 2;

/// Publishes on one channel, one batch at a time.
pub(super) struct Publisher {
    link: Arc<Link>,
    topology: Arc<Topology>,
    timeout: Duration,
    /// A channel with confirms whose batches were all settled. It is taken out for the time of a batch, so that a
    /// batch that was cut off takes its channel with it: late answers to it can never be read as answers to the next.
    idle: Mutex<Option<Channel>>,
}

/// What the broker said about one message of a batch.
enum Answer {
    Stored,
    Refused,
    /// Nobody knows: it may be stored or not.
    Lost(QueueError),
}

impl Publisher {
    pub(super) fn new(link: Arc<Link>, topology: Arc<Topology>, timeout: Duration) -> Self {
        Self {
            link,
            topology,
            timeout,
            idle: Mutex::default(),
        }
    }

    pub(super) async fn publish(&self, messages: &[QueueMessage]) -> Vec<Result<(), QueueError>> {
        if messages.is_empty() {
            return Vec::new();
        }
        let deadline = Instant::now() + self.timeout;
        self.publish_batch(messages, deadline)
            .await
            .unwrap_or_else(|error| {
                let reason = match error {
                    QueueError::Unavailable(reason) | QueueError::Refused(reason) => reason,
                };
                messages
                    .iter()
                    .map(|_| Err(unavailable(reason.clone())))
                    .collect()
            })
    }

    async fn publish_batch(
        &self,
        messages: &[QueueMessage],
        deadline: Instant,
    ) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let mut idle = tokio::time::timeout_at(deadline, self.idle.lock())
            .await
            .map_err(|_| unavailable("another batch is still on its way"))?;
        let channel = match idle.take().filter(|channel| channel.status().connected()) {
            Some(channel) => channel,
            None => self.open(deadline).await?,
        };
        let batch = self.send(&channel, messages, deadline).await;
        if batch.is_clean() {
            *idle = Some(channel);
        }
        Ok(batch.into_results(messages, &self.topology))
    }

    /// A fresh channel with confirms, on which everything is declared.
    async fn open(&self, deadline: Instant) -> Result<Channel, QueueError> {
        self.topology.declare(&self.link, deadline).await?;
        let channel = self.link.channel(deadline).await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        bounded(deadline, "asking for confirms", confirms).await?;
        Ok(channel)
    }

    /// Sends all, then waits for all answers.
    async fn send(&self, channel: &Channel, messages: &[QueueMessage], deadline: Instant) -> Batch {
        let mut sendings = Vec::with_capacity(messages.len());
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            let queue = self.topology.queue(message.priority);
            let encoded = body::encode(message);
            let size = encoded.as_ref().map_or(0, Vec::len);
            let (sending, context) = Sending::start(SYSTEM, queue.as_str(), message, size);
            sendings.push(sending);
            sent.push(match encoded {
                Ok(body) => send_one(channel, queue, message, &body, context, deadline).await,
                Err(error) => Err(error),
            });
        }
        let settled = join_all(sent.into_iter().map(|confirm| settle(confirm, deadline))).await;
        let (answers, returned): (Vec<_>, Vec<_>) = settled.into_iter().unzip();
        Batch {
            answers,
            returned: returned.into_iter().flatten().collect(),
            sendings,
        }
    }
}

async fn send_one(
    channel: &Channel,
    queue: &ShortString,
    message: &QueueMessage,
    body: &[u8],
    context: BTreeMap<String, String>,
    deadline: Instant,
) -> Result<PublisherConfirm, QueueError> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default()
        .with_content_type(body::CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message.job_id.to_string().into())
        .with_type(message.kind.as_str().into())
        .with_headers(headers(context));
    let sent = channel.basic_publish("".into(), queue.clone(), options, body, properties);
    bounded(deadline, "publishing", sent).await
}

fn headers(context: BTreeMap<String, String>) -> FieldTable {
    let mut headers = FieldTable::default();
    for (name, value) in context {
        if let Ok(name) = ShortString::try_new(name) {
            headers.insert(name, AMQPValue::LongString(value.into()));
        }
    }
    headers
}

/// The broker's answer to one message, and the message that came back with it: not necessarily the same one.
async fn settle(
    confirm: Result<PublisherConfirm, QueueError>,
    deadline: Instant,
) -> (Answer, Option<BasicReturnMessage>) {
    let confirmation = match confirm {
        Ok(confirm) => bounded(deadline, "waiting for the confirm", confirm).await,
        Err(error) => Err(error),
    };
    match confirmation {
        Ok(Confirmation::Ack(returned)) => (Answer::Stored, returned),
        Ok(Confirmation::Nack(returned)) => (Answer::Refused, returned),
        Ok(Confirmation::NotRequested) => (Answer::Lost(unavailable("the channel confirms nothing")), None),
        Err(error) => (Answer::Lost(error), None),
    }
}

/// A batch whose answers are there.
struct Batch {
    answers: Vec<Answer>,
    /// What no queue took. Confirms and returned messages are paired by the client library in no particular order,
    /// so the pairing is made here, by message id and queue.
    returned: Vec<BasicReturnMessage>,
    sendings: Vec<Sending>,
}

impl Batch {
    /// Whether the channel can be used again. After a return it is not: a queue is missing, and opening another channel
    /// declares it.
    fn is_clean(&self) -> bool {
        self.returned.is_empty()
            && !self
                .answers
                .iter()
                .any(|answer| matches!(answer, Answer::Lost(_)))
    }

    fn into_results(self, messages: &[QueueMessage], topology: &Topology) -> Vec<Result<(), QueueError>> {
        let Self {
            answers,
            returned,
            sendings,
        } = self;
        let answered = messages.iter().zip(answers).zip(sendings);
        let results = answered.map(|((message, answer), sending)| {
            let queue = topology.queue(message.priority);
            let result = result_of(message, queue, answer, &returned);
            sending.end(&result);
            result
        });
        results.collect()
    }
}

fn result_of(
    message: &QueueMessage,
    queue: &ShortString,
    answer: Answer,
    returned: &[BasicReturnMessage],
) -> Result<(), QueueError> {
    let id = message.job_id.to_string();
    let is_this = |back: &&BasicReturnMessage| {
        back.routing_key == *queue
            && back
                .properties
                .message_id()
                .as_ref()
                .is_some_and(|back| back.as_str() == id)
    };
    match answer {
        Answer::Lost(error) => Err(error),
        Answer::Refused => Err(QueueError::Refused(format!("{queue} is full"))),
        Answer::Stored => match returned.iter().find(is_this) {
            Some(back) => Err(QueueError::Refused(format!(
                "{queue} does not take it: {}",
                back.reply_text
            ))),
            None => Ok(()),
        },
    }
}
