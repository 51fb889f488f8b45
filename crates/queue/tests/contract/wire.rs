//! What RabbitMQ is told: what another consumer of the same queues, an operator or a newer release relies on.

use std::time::Instant;

use domain::{
    Priority,
    ports::{Queue, QueueError, QueueMessage},
};
use futures::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{BasicGetOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use queue::{QueueOptions, RabbitQueue};
use test_support::fresh_vhost_or_prefix;

use crate::subject::{SOON, message, messages, next, take};

async fn raw_channel(url: &str) -> Channel {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    connection.create_channel().await.unwrap()
}

async fn publish_one(queue: &RabbitQueue, message: QueueMessage) -> Result<(), QueueError> {
    queue.publish(&[message]).await.remove(0)
}

#[tokio::test]
async fn a_message_carries_its_id_kind_context_and_survives_a_restart() {
    let url = fresh_vhost_or_prefix().await.unwrap();
    let queue = RabbitQueue::new(&url, &QueueOptions::default()).unwrap();
    let mut sent = message(Priority::Normal);
    sent.trace.insert(
        "traceparent".into(),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
    );
    publish_one(&queue, sent.clone()).await.unwrap();

    let channel = raw_channel(&url).await;
    let got = channel
        .basic_get("devmesh.jobs.normal".into(), BasicGetOptions::default())
        .await
        .unwrap()
        .unwrap();
    let properties = &got.delivery.properties;
    assert_eq!(
        properties.message_id().as_ref().unwrap().as_str(),
        sent.job_id.to_string()
    );
    assert_eq!(properties.kind().as_ref().unwrap().as_str(), "tool_call");
    assert_eq!(
        properties.content_type().as_ref().unwrap().as_str(),
        "application/json"
    );
    assert_eq!(*properties.delivery_mode(), Some(2));
    let traceparent = properties
        .headers()
        .as_ref()
        .unwrap()
        .inner()
        .get("traceparent")
        .unwrap();
    assert_eq!(
        traceparent,
        &AMQPValue::LongString(sent.trace["traceparent"].as_str().into())
    );
    let body: serde_json::Value = serde_json::from_slice(&got.delivery.data).unwrap();
    assert_eq!(body["version"], 1);
    assert_eq!(body["job_id"], sent.job_id.to_string());
}

/// The broker compares the arguments of a second declaration with those of the first.
#[tokio::test]
async fn every_class_has_a_quorum_queue_that_refuses_when_full_and_keeps_its_dead_letters() {
    let url = fresh_vhost_or_prefix().await.unwrap();
    let options = QueueOptions {
        max_length: 7,
        delivery_limit: 9,
        ..QueueOptions::default()
    };
    let queue = RabbitQueue::new(&url, &options).unwrap();
    publish_one(&queue, message(Priority::Low)).await.unwrap();

    let texts = [
        ("x-queue-type", "quorum"),
        ("x-overflow", "reject-publish"),
        ("x-dead-letter-exchange", "devmesh.dead"),
        ("x-dead-letter-strategy", "at-least-once"),
    ];
    let mut arguments = FieldTable::default();
    for (name, value) in texts {
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(7));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(9));
    let channel = raw_channel(&url).await;
    for class in ["critical", "high", "normal", "low"] {
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let name = format!("devmesh.jobs.{class}");
        channel
            .queue_declare(name.into(), durable, arguments.clone())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_missing_queue_refuses_one_message_and_is_declared_for_the_next() {
    let url = fresh_vhost_or_prefix().await.unwrap();
    let queue = RabbitQueue::new(&url, &QueueOptions::default()).unwrap();
    publish_one(&queue, message(Priority::Normal)).await.unwrap();
    let delete = QueueDeleteOptions::default();
    raw_channel(&url)
        .await
        .queue_delete("devmesh.jobs.normal".into(), delete)
        .await
        .unwrap();

    let batch: Vec<QueueMessage> = [Priority::High, Priority::Normal, Priority::Low]
        .map(message)
        .into();
    let results = queue.publish(&batch).await;
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(
        matches!(&results[1], Err(QueueError::Refused(reason)) if reason.contains("NO_ROUTE")),
        "{results:?}"
    );

    publish_one(&queue, message(Priority::Normal)).await.unwrap();
}

#[tokio::test]
async fn a_subscription_ends_when_its_queue_is_deleted() {
    let url = fresh_vhost_or_prefix().await.unwrap();
    let queue = RabbitQueue::new(&url, &QueueOptions::default()).unwrap();
    let mut deliveries = queue.subscribe(1).await.unwrap();
    publish_one(&queue, message(Priority::Normal)).await.unwrap();
    take(&mut deliveries).await;

    let delete = QueueDeleteOptions::default();
    let channel = raw_channel(&url).await;
    let waiting = tokio::time::timeout(SOON, deliveries.next());
    let (deleted, end) = tokio::join!(channel.queue_delete("devmesh.jobs.high".into(), delete), waiting);
    deleted.unwrap();
    assert!(end.expect("the stream goes on").is_none());
}

#[tokio::test]
async fn queues_that_exist_with_other_limits_are_used_as_they_are() {
    let url = fresh_vhost_or_prefix().await.unwrap();
    let before = RabbitQueue::new(&url, &QueueOptions::default()).unwrap();
    publish_one(&before, message(Priority::Normal)).await.unwrap();

    let options = QueueOptions {
        max_length: 7,
        ..QueueOptions::default()
    };
    let after = RabbitQueue::new(&url, &options).unwrap();
    publish_one(&after, message(Priority::Normal)).await.unwrap();
    let mut deliveries = after.subscribe(1).await.unwrap();
    take(&mut deliveries).await;
    take(&mut deliveries).await;
}

#[tokio::test]
async fn what_a_lost_consumer_left_unanswered_comes_to_another() {
    let url = fresh_vhost_or_prefix().await.unwrap();
    let [lost, other] = [(); 2].map(|()| RabbitQueue::new(&url, &QueueOptions::default()).unwrap());
    let sent = message(Priority::Normal);
    publish_one(&other, sent.clone()).await.unwrap();
    let mut deliveries = lost.subscribe(1).await.unwrap();
    let held = next(&mut deliveries).await;

    lost.close().await;

    let mut again = other.subscribe(1).await.unwrap();
    assert_eq!(take(&mut again).await, sent.job_id);
    assert!(matches!(
        held.acknowledge().await,
        Err(QueueError::Unavailable(_))
    ));
}

#[tokio::test]
async fn prefixes_keep_installations_apart() {
    let url = fresh_vhost_or_prefix().await.unwrap();
    let [one, two] = ["one", "two"].map(|prefix| {
        RabbitQueue::new(
            &url,
            &QueueOptions {
                prefix: prefix.into(),
                ..QueueOptions::default()
            },
        )
        .unwrap()
    });
    publish_one(&one, message(Priority::Normal)).await.unwrap();
    let sent = message(Priority::Normal);
    publish_one(&two, sent.clone()).await.unwrap();
    assert_eq!(take(&mut two.subscribe(1).await.unwrap()).await, sent.job_id);
}

/// One by one, each confirm costs a round trip and a flush to disk; together they share them.
#[tokio::test]
async fn the_confirms_of_a_batch_are_awaited_together() {
    let url = fresh_vhost_or_prefix().await.unwrap();
    let queue = RabbitQueue::new(&url, &QueueOptions::default()).unwrap();
    publish_one(&queue, message(Priority::Normal)).await.unwrap();

    let begun = Instant::now();
    for _ in 0..100 {
        publish_one(&queue, message(Priority::Normal)).await.unwrap();
    }
    let one_by_one = begun.elapsed();
    let begun = Instant::now();
    assert!(
        queue
            .publish(&messages(100, Priority::Normal))
            .await
            .iter()
            .all(Result::is_ok)
    );
    let together = begun.elapsed();
    assert!(
        together * 2 < one_by_one,
        "{together:?} together, {one_by_one:?} one by one"
    );
}

#[tokio::test]
async fn no_error_repeats_the_url_or_its_password() {
    let broker = fresh_vhost_or_prefix().await.unwrap();
    let wrong = broker.replace("guest:guest", "guest:hunter2");
    assert_ne!(wrong, broker);
    let timeout = std::time::Duration::from_secs(2);
    let options = QueueOptions {
        timeout,
        ..QueueOptions::default()
    };
    for url in [
        wrong.as_str(),
        "amqp://guest:hunter2@127.0.0.1:1/%2f",
        "amqps://guest:hunter2@127.0.0.1:1/%2f",
    ] {
        let queue = RabbitQueue::new(url, &options).unwrap();
        let error = queue.ping().await.unwrap_err();
        assert!(matches!(error, QueueError::Unavailable(_)));
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    for url in [
        "amqp://guest:hunter2@host:port/",
        "http://guest:hunter2@host/",
        "amqp://guest:hunter2@[/",
    ] {
        let error = RabbitQueue::new(url, &options).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
