//! A look at the dead letters, and their way back.

use domain::{Priority, ports::QueueError};
use lapin::{
    BasicProperties, Channel, Confirmation,
    message::BasicGetMessage,
    options::{
        BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::Instant;

use super::{bounded, link::Link, topology::Topology};

/// Where the broker notes the queue that a dead letter was in first.
const FIRST_QUEUE: &str = "x-first-death-queue";

/// The bodies of the oldest dead letters. They are taken, read and handed back, so a second reader at the same time
/// sees others.
pub(super) async fn list(
    link: &Link,
    queue: &ShortString,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<Vec<u8>>, QueueError> {
    let channel = link.channel(deadline).await?;
    let letters = take(&channel, queue, limit, deadline).await?;
    if let Some(last) = letters.last().map(|letter| letter.delivery.delivery_tag) {
        let all = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        bounded(
            deadline,
            "handing the dead letters back",
            channel.basic_nack(last, all),
        )
        .await?;
    }
    bounded(deadline, "closing a channel", channel.close(200, "OK".into())).await?;
    Ok(letters.into_iter().map(|letter| letter.delivery.data).collect())
}

/// Publishes the oldest dead letters to the queues that they came from. Each leaves this one once the broker has it safe
/// there; the first that it refuses, and all behind, stay.
pub(super) async fn replay(
    link: &Link,
    topology: &Topology,
    limit: usize,
    deadline: Instant,
) -> Result<usize, QueueError> {
    let channel = link.channel(deadline).await?;
    let confirms = channel.confirm_select(ConfirmSelectOptions::default());
    bounded(deadline, "asking for confirms", confirms).await?;
    // Taken all at once, so that one which dies again is not met a second time.
    let letters = take(&channel, topology.dead_queue(), limit, deadline).await?;
    let mut replayed = 0;
    for letter in &letters {
        hand_on(&channel, topology, letter, deadline).await?;
        replayed += 1;
    }
    // Closing the channel hands back what was taken and not acknowledged.
    bounded(deadline, "closing a channel", channel.close(200, "OK".into())).await?;
    Ok(replayed)
}

async fn take(
    channel: &Channel,
    queue: &ShortString,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<BasicGetMessage>, QueueError> {
    let mut letters = Vec::new();
    while letters.len() < limit {
        let got = channel.basic_get(queue.clone(), BasicGetOptions::default());
        let Some(letter) = bounded(deadline, "reading a dead letter", got).await? else {
            break;
        };
        letters.push(letter);
    }
    Ok(letters)
}

async fn hand_on(
    channel: &Channel,
    topology: &Topology,
    letter: &BasicGetMessage,
    deadline: Instant,
) -> Result<(), QueueError> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let (queue, properties) = (origin(topology, letter), alive(&letter.delivery.properties));
    let sent = channel.basic_publish(
        "".into(),
        queue.clone(),
        options,
        &letter.delivery.data,
        properties,
    );
    let confirm = bounded(deadline, "publishing a dead letter", sent).await?;
    match bounded(deadline, "waiting for the confirm", confirm).await? {
        Confirmation::Ack(None) => {}
        _ => return Err(QueueError::Refused(format!("{queue} does not take it"))),
    }
    let acknowledged = letter.delivery.acker.ack(BasicAckOptions::default());
    bounded(deadline, "acknowledging a dead letter", acknowledged)
        .await
        .map(drop)
}

/// The queue that the letter was in before it died; the ordinary one where that is no longer known.
fn origin(topology: &Topology, letter: &BasicGetMessage) -> ShortString {
    let headers = letter.delivery.properties.headers().as_ref();
    let first = match headers.and_then(|headers| headers.inner().get(FIRST_QUEUE)) {
        Some(AMQPValue::LongString(queue)) => String::from_utf8_lossy(queue.as_bytes()).into_owned(),
        _ => String::new(),
    };
    let known = topology.queues().iter().find(|queue| queue.as_str() == first);
    known.unwrap_or_else(|| topology.queue(Priority::Normal)).clone()
}

/// The properties without the broker's notes on how it died.
fn alive(properties: &BasicProperties) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        if !name.as_str().starts_with("x-") {
            headers.insert(name.clone(), value.clone());
        }
    }
    properties.clone().with_headers(headers)
}
