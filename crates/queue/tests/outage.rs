//! A broker that goes away and comes back, under a queue object that stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test says no"
)]

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use domain::{
    JobId, JobKind, Priority, TenantId,
    ports::{Queue, QueueError, QueueMessage},
};
use futures::StreamExt;
use queue::{QueueOptions, RabbitQueue};
use test_support::{RabbitMq, eventually};

const TIMEOUT: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(30);

fn messages(count: usize) -> Vec<QueueMessage> {
    let message = |_| QueueMessage {
        job_id: JobId::generate(),
        tenant_id: TenantId::generate(),
        kind: JobKind::ProviderHealth,
        attempt: 1,
        priority: Priority::Normal,
        trace: BTreeMap::new(),
    };
    (0..count).map(message).collect()
}

/// Publishes with a broker that is away: it says so, and within the bound.
async fn assert_unavailable(queue: &RabbitQueue) {
    let begun = Instant::now();
    let result = queue.publish(&messages(1)).await.remove(0);
    assert!(matches!(result, Err(QueueError::Unavailable(_))), "{result:?}");
    assert!(
        begun.elapsed() < TIMEOUT + Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    queue.ping().await.unwrap_err();
}

/// Publishes the same messages until every one is taken, as the relay does.
async fn publish_when_back(queue: &RabbitQueue, messages: &[QueueMessage]) {
    let published = eventually(SOON, || async {
        queue
            .publish(messages)
            .await
            .into_iter()
            .collect::<Result<Vec<()>, QueueError>>()
    });
    published.await.unwrap();
}

/// Takes every message that waits, and gives their ids.
async fn drain(queue: &RabbitQueue, count: usize) -> HashSet<JobId> {
    let mut deliveries = queue.subscribe(4).await.unwrap();
    let mut taken = HashSet::new();
    while taken.len() < count {
        let delivery = tokio::time::timeout(SOON, deliveries.next())
            .await
            .expect("nothing came")
            .unwrap();
        taken.insert(delivery.message().unwrap().job_id);
        delivery.acknowledge().await.unwrap();
    }
    taken
}

#[tokio::test]
async fn a_queue_outlives_stops_and_crashes_of_its_broker_and_loses_nothing() {
    let broker = RabbitMq::start().await.unwrap();
    let options = QueueOptions {
        timeout: TIMEOUT,
        ..QueueOptions::default()
    };
    let queue = RabbitQueue::new(&broker.url(), &options).unwrap();
    let first = messages(20);
    publish_when_back(&queue, &first).await;
    let mut deliveries = queue.subscribe(2).await.unwrap();
    let held = deliveries.next().await.unwrap();

    broker.stop().await.unwrap();
    assert_unavailable(&queue).await;
    held.acknowledge().await.unwrap_err();
    let end = tokio::time::timeout(SOON, async { while deliveries.next().await.is_some() {} });
    end.await.expect("the subscription goes on without a broker");
    queue.subscribe(1).await.err().unwrap();

    broker.start_again().await.unwrap();
    let second = messages(20);
    publish_when_back(&queue, &second).await;

    broker.kill().unwrap();
    assert_unavailable(&queue).await;
    broker.start_again().await.unwrap();
    let third = messages(20);
    publish_when_back(&queue, &third).await;

    let all: HashSet<JobId> = [first, second, third]
        .iter()
        .flatten()
        .map(|message| message.job_id)
        .collect();
    assert_eq!(drain(&queue, all.len()).await, all);
}

#[tokio::test]
async fn a_broker_that_is_away_at_the_start_is_no_error_until_it_is_needed() {
    let port = test_support::free_port().unwrap();
    let options = QueueOptions {
        timeout: TIMEOUT,
        ..QueueOptions::default()
    };
    let queue = RabbitQueue::new(&format!("amqp://127.0.0.1:{port}/%2f"), &options).unwrap();
    assert_unavailable(&queue).await;
    queue.close().await;
}

/// Accepts connections and says nothing, like a host behind a broken load balancer.
#[tokio::test]
async fn a_broker_that_says_nothing_is_given_up_within_the_bound() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://{}/%2f", silent.local_addr().unwrap());
    let options = QueueOptions {
        timeout: TIMEOUT,
        ..QueueOptions::default()
    };
    let queue = RabbitQueue::new(&url, &options).unwrap();
    let accepting = async { while silent.accept().await.is_ok() {} };
    tokio::select! {
        () = accepting => unreachable!("the listener ended"),
        () = assert_unavailable(&queue) => {}
    }
}
