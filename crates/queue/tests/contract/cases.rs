//! What any queue does.

use std::collections::{BTreeMap, HashSet};

use domain::{
    JobId, Priority,
    ports::{QueueError, QueueMessage},
};
use futures::StreamExt;
use test_support::eventually;

use crate::subject::{SOON, Subject, assert_silent, message, messages, next, publish, take};

fn ids(messages: &[QueueMessage]) -> Vec<JobId> {
    messages.iter().map(|message| message.job_id).collect()
}

fn job_id_in(body: &[u8]) -> JobId {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    body["job_id"].as_str().unwrap().parse().unwrap()
}

pub async fn a_published_message_is_received_as_it_was_sent(subject: Subject) {
    let queue = subject.queue();
    let sent = QueueMessage {
        attempt: 4,
        ..message(Priority::High)
    };
    publish(&queue, std::slice::from_ref(&sent)).await;

    let mut deliveries = subject.queue().subscribe(1).await.unwrap();
    let delivery = next(&mut deliveries).await;
    assert_eq!(delivery.message().unwrap(), &sent);
    delivery.acknowledge().await.unwrap();
}

pub async fn an_acknowledged_message_does_not_come_again(subject: Subject) {
    let queue = subject.queue();
    let both = messages(2, Priority::Normal);
    publish(&queue, &both).await;
    let mut deliveries = queue.subscribe(1).await.unwrap();
    assert_eq!(take(&mut deliveries).await, both[0].job_id);
    drop(deliveries);

    let mut later = subject.queue().subscribe(4).await.unwrap();
    assert_eq!(take(&mut later).await, both[1].job_id);
    assert_silent(&mut later).await;
}

pub async fn a_delivery_that_is_dropped_comes_again(subject: Subject) {
    let queue = subject.queue();
    let sent = messages(1, Priority::Normal);
    publish(&queue, &sent).await;
    let mut deliveries = queue.subscribe(1).await.unwrap();

    drop(next(&mut deliveries).await);

    assert_eq!(take(&mut deliveries).await, sent[0].job_id);
}

pub async fn a_requeued_message_comes_again(subject: Subject) {
    let queue = subject.queue();
    let sent = messages(1, Priority::Normal);
    publish(&queue, &sent).await;
    let mut deliveries = queue.subscribe(1).await.unwrap();

    next(&mut deliveries).await.requeue().await.unwrap();

    assert_eq!(take(&mut deliveries).await, sent[0].job_id);
}

pub async fn a_message_that_comes_back_too_often_is_put_aside(subject: Subject) {
    let subject = subject.with(|options| options.delivery_limit = 2);
    let queue = subject.queue();
    let sent = messages(1, Priority::Normal);
    publish(&queue, &sent).await;
    let mut deliveries = queue.subscribe(1).await.unwrap();

    for _ in 0..3 {
        next(&mut deliveries).await.requeue().await.unwrap();
    }

    assert_silent(&mut deliveries).await;
    let dead = eventually(SOON, || async {
        queue.dead_letters(10).await.ok().filter(|dead| !dead.is_empty())
    });
    assert_eq!(job_id_in(&dead.await.unwrap()[0]), sent[0].job_id);
}

pub async fn dead_letters_are_listed_oldest_first_and_stay(subject: Subject) {
    let queue = subject.queue();
    let sent = messages(3, Priority::Normal);
    publish(&queue, &sent).await;
    let mut deliveries = queue.subscribe(1).await.unwrap();
    for count in 1..=3 {
        next(&mut deliveries).await.dead_letter().await.unwrap();
        eventually(SOON, || async {
            queue.dead_letters(10).await.is_ok_and(|dead| dead.len() == count)
        })
        .await
        .unwrap();
    }

    for _ in 0..2 {
        let dead: Vec<JobId> = queue
            .dead_letters(10)
            .await
            .unwrap()
            .iter()
            .map(|body| job_id_in(body))
            .collect();
        assert_eq!(dead, ids(&sent));
    }
}

pub async fn at_most_as_many_dead_letters_are_listed_as_asked_for(subject: Subject) {
    let queue = subject.queue();
    let sent = messages(3, Priority::Normal);
    publish(&queue, &sent).await;
    let mut deliveries = queue.subscribe(1).await.unwrap();
    for _ in 0..3 {
        next(&mut deliveries).await.dead_letter().await.unwrap();
    }
    eventually(SOON, || async {
        queue.dead_letters(10).await.is_ok_and(|dead| dead.len() == 3)
    })
    .await
    .unwrap();

    assert_eq!(queue.dead_letters(2).await.unwrap().len(), 2);
    assert_eq!(queue.dead_letters(0).await.unwrap().len(), 0);
    assert_eq!(queue.dead_letters(10).await.unwrap().len(), 3);
}

pub async fn dead_letters_are_replayed_to_their_class_and_die_again_if_they_must(subject: Subject) {
    let queue = subject.queue();
    let sent = messages(1, Priority::High);
    publish(&queue, &sent).await;
    subject.put_bytes(Priority::High, b"no job").await;
    let mut deliveries = queue.subscribe(1).await.unwrap();
    let dead = async |count: usize| {
        eventually(SOON, || async {
            queue.dead_letters(10).await.is_ok_and(|dead| dead.len() == count)
        })
        .await
        .unwrap();
    };
    for _ in 0..2 {
        next(&mut deliveries).await.dead_letter().await.unwrap();
    }
    dead(2).await;

    assert_eq!(queue.replay_dead_letters(1).await.unwrap(), 1);
    assert_eq!(take(&mut deliveries).await, sent[0].job_id);
    dead(1).await;
    assert_eq!(queue.replay_dead_letters(10).await.unwrap(), 1);
    let poison = next(&mut deliveries).await;
    poison.message().unwrap_err();
    poison.dead_letter().await.unwrap();
    dead(1).await;
    drop(deliveries);
    assert_eq!(queue.replay_dead_letters(0).await.unwrap(), 0);
}

pub async fn bytes_that_are_no_message_are_an_error_and_can_be_put_aside(subject: Subject) {
    let queue = subject.queue();
    let mut deliveries = queue.subscribe(1).await.unwrap();
    let newer = br#"{"version":2,"something":"else"}"#;
    for poison in [b"\xff not json".as_slice(), newer] {
        subject.put_bytes(Priority::High, poison).await;
        let delivery = next(&mut deliveries).await;
        delivery.message().unwrap_err();
        delivery.dead_letter().await.unwrap();
        eventually(SOON, || async {
            queue
                .dead_letters(10)
                .await
                .is_ok_and(|dead| dead.last().is_some_and(|body| body == poison))
        })
        .await
        .unwrap();
    }
    let sent = messages(1, Priority::High);
    publish(&queue, &sent).await;
    assert_eq!(take(&mut deliveries).await, sent[0].job_id);
}

pub async fn urgent_classes_come_first(subject: Subject) {
    let queue = subject.queue();
    let mut by_urgency: Vec<QueueMessage> = Priority::ALL.into_iter().map(message).collect();
    by_urgency.reverse();
    publish(&queue, &by_urgency).await;
    by_urgency.reverse();

    let mut deliveries = queue.subscribe(1).await.unwrap();
    for expected in &by_urgency {
        assert_eq!(take(&mut deliveries).await, expected.job_id);
    }
}

pub async fn a_low_class_is_not_starved_by_a_full_critical_one(subject: Subject) {
    let queue = subject.queue();
    publish(&queue, &messages(50, Priority::Critical)).await;
    let low = message(Priority::Low);
    publish(&queue, std::slice::from_ref(&low)).await;

    let mut deliveries = queue.subscribe(1).await.unwrap();
    let mut taken = Vec::new();
    for _ in 0..34 {
        taken.push(take(&mut deliveries).await);
    }
    let position = taken.iter().position(|id| *id == low.job_id);
    assert!(position.is_some_and(|position| position > 20), "{position:?}");
}

pub async fn at_most_prefetch_messages_are_unanswered(subject: Subject) {
    let queue = subject.queue();
    publish(&queue, &messages(6, Priority::Normal)).await;
    publish(&queue, &messages(6, Priority::High)).await;
    let mut deliveries = queue.subscribe(3).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(next(&mut deliveries).await);
    }

    assert_silent(&mut deliveries).await;

    held.pop().unwrap().acknowledge().await.unwrap();
    held.push(next(&mut deliveries).await);
    assert_silent(&mut deliveries).await;
}

pub async fn a_busy_receiver_leaves_messages_to_an_idle_one(subject: Subject) {
    let queue = subject.queue();
    let mut busy = subject.queue().subscribe(1).await.unwrap();
    publish(&queue, &messages(1, Priority::Normal)).await;
    let held = next(&mut busy).await;
    assert_silent(&mut busy).await;

    let four: Vec<QueueMessage> = Priority::ALL.into_iter().map(message).collect();
    publish(&queue, &four).await;
    let mut idle = subject.queue().subscribe(1).await.unwrap();
    let mut taken = HashSet::new();
    for _ in 0..4 {
        taken.insert(take(&mut idle).await);
    }
    assert_eq!(taken, ids(&four).into_iter().collect());
    held.acknowledge().await.unwrap();
}

pub async fn an_idle_subscription_receives_what_comes_later_in_any_class(subject: Subject) {
    let queue = subject.queue();
    let mut deliveries = subject.queue().subscribe(4).await.unwrap();
    assert_silent(&mut deliveries).await;
    for priority in Priority::ALL.into_iter().chain(Priority::ALL) {
        let sent = messages(1, priority);
        let (_, received) = tokio::join!(publish(&queue, &sent), take(&mut deliveries));
        assert_eq!(received, sent[0].job_id);
    }
}

pub async fn a_batch_arrives_once_and_whole_over_two_receivers(subject: Subject) {
    let queue = subject.queue();
    let batch: Vec<QueueMessage> = (0..400)
        .map(|number| message(Priority::ALL[number % Priority::ALL.len()]))
        .collect();
    let one = subject.queue().subscribe(8).await.unwrap();
    let two = subject.queue().subscribe(8).await.unwrap();
    publish(&queue, &batch).await;

    let mut both = futures::stream::select(one, two);
    let mut taken = HashSet::new();
    for _ in 0..batch.len() {
        let delivery = tokio::time::timeout(SOON, both.next())
            .await
            .expect("nothing came")
            .unwrap();
        assert!(taken.insert(delivery.message().unwrap().job_id), "one came twice");
        delivery.acknowledge().await.unwrap();
    }
    assert_eq!(taken, ids(&batch).into_iter().collect());
}

/// Also what it received ahead while the work was quick.
pub async fn a_receiver_of_a_backlog_that_gets_stuck_leaves_the_rest_to_an_idle_one(subject: Subject) {
    let queue = subject.queue();
    publish(&queue, &messages(100, Priority::Normal)).await;
    let mut busy = subject.queue().subscribe(8).await.unwrap();
    let mut taken = HashSet::new();
    for _ in 0..40 {
        assert!(taken.insert(take(&mut busy).await), "one came twice");
    }
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(next(&mut busy).await);
    }
    assert_silent(&mut busy).await;

    let mut idle = subject.queue().subscribe(8).await.unwrap();
    for _ in 0..52 {
        assert!(taken.insert(take(&mut idle).await), "one came twice");
    }
    assert_silent(&mut idle).await;
    drop(held);
}

pub async fn a_full_class_refuses_and_keeps_what_it_took(subject: Subject) {
    let subject = subject.with(|options| options.max_length = 5);
    let queue = subject.queue();
    let mut stored = HashSet::new();
    let refused = loop {
        assert!(stored.len() < 200, "nothing was refused");
        let sent = messages(1, Priority::Low);
        match queue.publish(&sent).await.remove(0) {
            Ok(()) => stored.insert(sent[0].job_id),
            Err(error) => break error,
        };
    };
    assert!(matches!(refused, QueueError::Refused(_)), "{refused}");
    assert!(stored.len() >= 5);
    publish(&queue, &messages(1, Priority::Normal)).await;

    let mut deliveries = queue.subscribe(1).await.unwrap();
    take(&mut deliveries).await;
    let mut taken = HashSet::new();
    for _ in 0..stored.len() {
        taken.insert(take(&mut deliveries).await);
    }
    assert_eq!(taken, stored);
    assert_silent(&mut deliveries).await;
    publish(&queue, &messages(1, Priority::Low)).await;
}

pub async fn the_trace_context_travels(subject: Subject) {
    let trace: BTreeMap<String, String> = [
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("tracestate", "vendor=value"),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value.into()))
    .collect();
    let queue = subject.queue();
    publish(
        &queue,
        &[QueueMessage {
            trace: trace.clone(),
            ..message(Priority::Normal)
        }],
    )
    .await;

    let mut deliveries = queue.subscribe(1).await.unwrap();
    let delivery = next(&mut deliveries).await;
    assert_eq!(delivery.message().unwrap().trace, trace);
    delivery.acknowledge().await.unwrap();
}

pub async fn a_stream_that_is_dropped_keeps_its_deliveries_answerable(subject: Subject) {
    let queue = subject.queue();
    let both = messages(2, Priority::Normal);
    publish(&queue, &both).await;
    let mut deliveries = queue.subscribe(2).await.unwrap();
    let held = next(&mut deliveries).await;
    drop(deliveries);

    let mut later = queue.subscribe(2).await.unwrap();
    assert_eq!(take(&mut later).await, both[1].job_id);
    held.acknowledge().await.unwrap();
    assert_silent(&mut later).await;
}

pub async fn what_a_dropped_stream_had_not_given_out_goes_to_others(subject: Subject) {
    let queue = subject.queue();
    publish(&queue, &messages(1, Priority::Low)).await;
    let mut deliveries = subject.queue().subscribe(1).await.unwrap();
    let held = next(&mut deliveries).await;
    let three = [Priority::Critical, Priority::High, Priority::Normal].map(message);
    publish(&queue, &three).await;
    drop(deliveries);

    let mut others = queue.subscribe(1).await.unwrap();
    let mut taken = HashSet::new();
    for _ in 0..3 {
        taken.insert(take(&mut others).await);
    }
    assert_eq!(taken, ids(&three).into_iter().collect());
    held.acknowledge().await.unwrap();
    assert_silent(&mut others).await;
}

pub async fn a_closed_queue_ends_its_streams_and_takes_nothing(subject: Subject) {
    let queue = subject.queue();
    queue.ping().await.unwrap();
    publish(&queue, &messages(1, Priority::Normal)).await;
    let mut deliveries = queue.subscribe(1).await.unwrap();
    take(&mut deliveries).await;

    let (_, end) = tokio::join!(queue.close(), tokio::time::timeout(SOON, deliveries.next()));
    assert!(end.expect("the stream goes on").is_none());
    let result = queue.publish(&messages(1, Priority::Normal)).await.remove(0);
    assert!(matches!(result, Err(QueueError::Unavailable(_))), "{result:?}");
    assert!(matches!(queue.ping().await, Err(QueueError::Unavailable(_))));
    assert!(queue.subscribe(1).await.is_err());
}
