//! The outbox: what the relay gets, and when.

use std::collections::HashSet;

use chrono::Duration;
use domain::{Effect, JobId, Priority};
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::samples::{at, job};

crate::on_both!(
    the_most_urgent_and_then_the_oldest_comes_first,
    a_relay_that_dies_before_it_confirms_leaves_its_rows_to_the_next_one,
    two_relays_at_once_never_take_the_same_row,
    a_confirmed_row_is_gone,
    a_claimed_job_needs_no_message_any_more,
);

async fn the_most_urgent_and_then_the_oldest_comes_first(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let classes = [
        Priority::Normal,
        Priority::Critical,
        Priority::Low,
        Priority::High,
        Priority::Critical,
    ];
    let mut ids = Vec::new();
    for priority in classes {
        let mut job = job(tenant, Effect::Read);
        job.priority = priority;
        backend.jobs.enqueue(tenant, &job).await.unwrap();
        ids.push(job.id);
    }
    let mut later = job(tenant, Effect::Read);
    later.run_at = at(50);
    later.priority = Priority::Critical;
    backend.jobs.enqueue(tenant, &later).await.unwrap();

    let due = backend
        .jobs
        .outbox_due(at(1), Duration::seconds(60), 4)
        .await
        .unwrap();
    let order: Vec<JobId> = due.iter().map(|entry| entry.job_id).collect();
    assert_eq!(order, [ids[1], ids[4], ids[3], ids[0]]);
    let entry = &due[0];
    assert_eq!(
        (entry.tenant_id, entry.attempt, entry.priority),
        (tenant, 1, Priority::Critical)
    );
    assert_eq!((entry.kind, &entry.trace), (later.kind, &later.trace));
    let due = backend
        .jobs
        .outbox_due(at(1), Duration::seconds(60), 4)
        .await
        .unwrap();
    assert_eq!(due.iter().map(|entry| entry.job_id).collect::<Vec<_>>(), [ids[2]]);
}

async fn a_relay_that_dies_before_it_confirms_leaves_its_rows_to_the_next_one(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    backend
        .jobs
        .enqueue(tenant, &job(tenant, Effect::Write))
        .await
        .unwrap();
    let taken = backend
        .jobs
        .outbox_due(at(1), Duration::seconds(30), 9)
        .await
        .unwrap();
    assert_eq!(taken.len(), 1);
    let replica = backend.replica().await;
    assert_eq!(
        replica
            .jobs
            .outbox_due(at(30), Duration::seconds(30), 9)
            .await
            .unwrap(),
        [],
        "held"
    );
    assert_eq!(
        replica
            .jobs
            .outbox_due(at(31), Duration::seconds(30), 9)
            .await
            .unwrap(),
        taken
    );
}

async fn two_relays_at_once_never_take_the_same_row(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for _ in 0..100 {
        backend
            .jobs
            .enqueue(tenant, &job(tenant, Effect::Read))
            .await
            .unwrap();
    }
    let replica = backend.replica().await;
    let mut relays = JoinSet::new();
    for number in 0..4 {
        let jobs = if number % 2 == 0 {
            backend.jobs.clone()
        } else {
            replica.jobs.clone()
        };
        relays.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let rows = jobs.outbox_due(at(1), Duration::seconds(60), 7).await.unwrap();
                assert!(rows.len() <= 7);
                if rows.is_empty() {
                    return taken;
                }
                taken.extend(rows.iter().map(|row| row.id));
                jobs.published(&rows.iter().map(|row| row.id).collect::<Vec<_>>(), at(1))
                    .await
                    .unwrap();
            }
        });
    }
    let taken: Vec<i64> = relays.join_all().await.concat();
    assert_eq!(taken.len(), 100);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), 100);
}

async fn a_confirmed_row_is_gone(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    backend
        .jobs
        .enqueue(tenant, &job(tenant, Effect::Read))
        .await
        .unwrap();
    let due = backend
        .jobs
        .outbox_due(at(1), Duration::seconds(30), 9)
        .await
        .unwrap();
    backend.jobs.published(&[due[0].id], at(2)).await.unwrap();
    backend.jobs.published(&[], at(2)).await.unwrap();
    assert_eq!(
        backend
            .jobs
            .outbox_due(at(99), Duration::seconds(30), 9)
            .await
            .unwrap(),
        []
    );
    assert!(
        backend
            .jobs
            .stats(at(99))
            .await
            .unwrap()
            .iter()
            .all(|class| class.outbox_pending == 0)
    );
}

async fn a_claimed_job_needs_no_message_any_more(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Read);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    backend
        .jobs
        .outbox_due(at(1), Duration::seconds(30), 9)
        .await
        .unwrap();
    backend
        .jobs
        .claim(tenant, job.id, 1, "w", at(1), at(60))
        .await
        .unwrap();
    assert_eq!(
        backend
            .jobs
            .outbox_due(at(99), Duration::seconds(30), 9)
            .await
            .unwrap(),
        []
    );
}
