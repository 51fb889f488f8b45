//! What was lost: workers, and messages that the broker has no more.

use chrono::Duration;
use domain::ports::storage::Swept;
use domain::{Effect, JobKind, JobState};

use crate::backend::Backend;
use crate::samples::{at, job};

crate::on_both!(
    a_lost_worker_leaves_a_write_in_doubt_and_anything_else_to_the_next_one,
    a_lease_that_holds_is_left_alone,
    a_lost_message_is_published_again,
    a_sweep_does_no_more_than_it_is_asked_to,
);

async fn a_lost_worker_leaves_a_write_in_doubt_and_anything_else_to_the_next_one(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let cases = [
        (Effect::Write, true, 3, JobState::InDoubt),
        (Effect::Write, false, 3, JobState::Pending),
        (Effect::Read, true, 3, JobState::Pending),
        (Effect::Idempotent, true, 3, JobState::Pending),
        (Effect::Read, true, 1, JobState::Failed),
    ];
    let mut expected = Vec::new();
    for (effect, begun, max_attempts, state) in cases {
        let mut job = job(tenant, effect);
        job.max_attempts = max_attempts;
        backend.jobs.enqueue(tenant, &job).await.unwrap();
        backend
            .jobs
            .claim(tenant, job.id, 1, "w", at(1), at(30))
            .await
            .unwrap();
        if begun {
            backend.jobs.begin_effect(tenant, job.id, 1, "w").await.unwrap();
        }
        expected.push((job.id, state));
    }
    let call = JobKind::ToolCall;
    let swept = backend.jobs.sweep(at(30), at(0), 100).await.unwrap();
    let told = Swept {
        republished: vec![],
        retried: vec![call; 3],
        failed: vec![call],
        in_doubt: vec![call],
    };
    assert_eq!(swept, told);
    for (id, state) in expected {
        let job = backend.jobs.get(tenant, id).await.unwrap();
        assert_eq!((job.state, job.lease_owner, job.lease_until), (state, None, None));
        assert!(job.error.is_some());
    }
    let due = backend
        .jobs
        .outbox_due(at(99), Duration::seconds(9), 99)
        .await
        .unwrap();
    assert!(
        due.len() == 3 && due.iter().all(|entry| entry.attempt == 2),
        "{due:?}"
    );
}

async fn a_lease_that_holds_is_left_alone(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Read);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    backend
        .jobs
        .claim(tenant, job.id, 1, "w", at(1), at(30))
        .await
        .unwrap();
    assert_eq!(
        backend.jobs.sweep(at(29), at(29), 100).await.unwrap(),
        Swept::default()
    );
    backend.jobs.renew(tenant, job.id, 1, "w", at(60)).await.unwrap();
    assert_eq!(
        backend.jobs.sweep(at(59), at(59), 100).await.unwrap(),
        Swept::default()
    );
}

async fn a_lost_message_is_published_again(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Write);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    let first = backend
        .jobs
        .outbox_due(at(1), Duration::seconds(30), 9)
        .await
        .unwrap();
    assert_eq!(
        backend.jobs.sweep(at(500), at(499), 9).await.unwrap(),
        Swept::default(),
        "not published yet"
    );
    backend.jobs.published(&[first[0].id], at(100)).await.unwrap();
    assert_eq!(
        backend.jobs.sweep(at(200), at(100), 9).await.unwrap(),
        Swept::default(),
        "not lost yet"
    );
    let swept = backend.jobs.sweep(at(201), at(101), 9).await.unwrap();
    assert_eq!(swept.republished, [JobKind::ToolCall]);
    assert_eq!(
        backend.jobs.sweep(at(400), at(399), 9).await.unwrap(),
        Swept::default(),
        "waits in the outbox"
    );
    let second = backend
        .jobs
        .outbox_due(at(201), Duration::seconds(30), 9)
        .await
        .unwrap();
    assert_eq!((second[0].job_id, second[0].attempt), (job.id, 1));
    assert_ne!(
        second[0].id, first[0].id,
        "a late confirmation of the first cannot take it along"
    );
}

async fn a_sweep_does_no_more_than_it_is_asked_to(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for _ in 0..5 {
        let job = job(tenant, Effect::Read);
        backend.jobs.enqueue(tenant, &job).await.unwrap();
        backend
            .jobs
            .claim(tenant, job.id, 1, "w", at(1), at(30))
            .await
            .unwrap();
    }
    for expected in [2, 2, 1, 0] {
        assert_eq!(
            backend.jobs.sweep(at(30), at(0), 2).await.unwrap().retried.len(),
            expected
        );
    }
}
