//! Claims: who gets the lease, and what it is worth once it is lost.

use std::collections::HashSet;

use domain::job::AttemptEnd;
use domain::ports::storage::Claim;
use domain::{Effect, JobId, JobState};
use serde_json::json;
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::samples::{at, conflict, job, refused};

crate::on_both!(
    two_hundred_jobs_are_claimed_once_each_by_eight_workers,
    a_claim_needs_a_pending_job_that_is_due_and_the_right_number,
    only_the_holder_renews_and_begins_the_effect,
    a_late_worker_cannot_overwrite,
    a_released_job_has_as_many_attempts_left_and_fences_its_former_holder,
    a_write_that_may_have_begun_is_not_released,
);

async fn two_hundred_jobs_are_claimed_once_each_by_eight_workers(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for _ in 0..200 {
        backend
            .jobs
            .enqueue(tenant, &job(tenant, Effect::Write))
            .await
            .unwrap();
    }
    let due = backend
        .jobs
        .outbox_due(at(1), chrono::Duration::seconds(60), 500)
        .await
        .unwrap();
    let replica = backend.replica().await;
    let mut workers = JoinSet::new();
    for worker in 0..8 {
        let jobs = if worker % 2 == 0 {
            backend.jobs.clone()
        } else {
            replica.jobs.clone()
        };
        let mut messages = due.clone();
        messages.rotate_left(worker * 3);
        workers.spawn(async move {
            let owner = format!("worker {worker}");
            let mut granted: Vec<JobId> = Vec::new();
            for message in messages {
                let id = message.job_id;
                let claim = jobs
                    .claim(tenant, id, message.attempt, &owner, at(2), at(60))
                    .await
                    .unwrap();
                if let Claim::Granted(job) = claim {
                    assert_eq!((job.attempt, job.lease_owner.as_ref()), (1, Some(&owner)));
                    granted.push(id);
                }
            }
            granted
        });
    }
    let granted: Vec<JobId> = workers.join_all().await.concat();
    assert_eq!(granted.len(), 200);
    assert_eq!(granted.into_iter().collect::<HashSet<_>>().len(), 200);
}

async fn a_claim_needs_a_pending_job_that_is_due_and_the_right_number(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut job = job(tenant, Effect::Read);
    job.run_at = at(10);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    let claim = async |attempt, now| {
        backend
            .jobs
            .claim(tenant, job.id, attempt, "w", at(now), at(now + 30))
            .await
            .unwrap()
    };
    assert_eq!(claim(1, 9).await, Claim::Superseded, "not due");
    assert_eq!(claim(2, 10).await, Claim::Superseded, "another attempt's message");
    let Claim::Granted(running) = claim(1, 10).await else {
        panic!("due")
    };
    assert_eq!((running.state, running.attempt), (JobState::Running, 1));
    assert_eq!((running.lease_until, running.updated_at), (Some(at(40)), at(10)));
    assert_eq!(*running, backend.jobs.get(tenant, job.id).await.unwrap());
    assert_eq!(claim(1, 11).await, Claim::Superseded, "delivered twice");
    assert_eq!(claim(2, 11).await, Claim::Superseded, "running");
    let gone = backend
        .jobs
        .claim(tenant, JobId::generate(), 1, "w", at(11), at(20))
        .await
        .unwrap();
    assert_eq!(gone, Claim::Superseded);
}

async fn only_the_holder_renews_and_begins_the_effect(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Write);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    refused!(backend.jobs.renew(tenant, job.id, 1, "w", at(90)).await, Stale);
    backend
        .jobs
        .claim(tenant, job.id, 1, "w", at(1), at(30))
        .await
        .unwrap();
    refused!(backend.jobs.renew(tenant, job.id, 1, "x", at(90)).await, Stale);
    refused!(backend.jobs.renew(tenant, job.id, 2, "w", at(90)).await, Stale);
    refused!(backend.jobs.begin_effect(tenant, job.id, 1, "x").await, Stale);
    refused!(
        backend
            .jobs
            .renew(tenant, JobId::generate(), 1, "w", at(90))
            .await,
        NotFound
    );
    backend.jobs.renew(tenant, job.id, 1, "w", at(90)).await.unwrap();
    backend.jobs.begin_effect(tenant, job.id, 1, "w").await.unwrap();
    let stored = backend.jobs.get(tenant, job.id).await.unwrap();
    assert_eq!((stored.lease_until, stored.effect_begun), (Some(at(90)), true));
}

async fn a_late_worker_cannot_overwrite(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Read);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    backend
        .jobs
        .claim(tenant, job.id, 1, "slow", at(1), at(30))
        .await
        .unwrap();
    backend.jobs.sweep(at(31), at(0), 10).await.unwrap();
    let claim = backend
        .jobs
        .claim(tenant, job.id, 2, "quick", at(60), at(90))
        .await
        .unwrap();
    assert!(matches!(claim, Claim::Granted(_)));
    let late = AttemptEnd::Done(json!("late"));
    refused!(
        backend
            .jobs
            .end_attempt(tenant, job.id, 1, "slow", late.clone(), at(61))
            .await,
        Stale
    );
    refused!(backend.jobs.begin_effect(tenant, job.id, 1, "slow").await, Stale);
    refused!(
        backend.jobs.release(tenant, job.id, 1, "slow", at(61)).await,
        Stale
    );
    let end = AttemptEnd::Done(json!("in time"));
    backend
        .jobs
        .end_attempt(tenant, job.id, 2, "quick", end, at(62))
        .await
        .unwrap();
    refused!(
        backend
            .jobs
            .end_attempt(tenant, job.id, 1, "slow", late, at(63))
            .await,
        Stale
    );
    assert_eq!(
        backend.jobs.get(tenant, job.id).await.unwrap().result,
        Some(json!("in time"))
    );
}

async fn a_released_job_has_as_many_attempts_left_and_fences_its_former_holder(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Write);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    backend
        .jobs
        .claim(tenant, job.id, 1, "w", at(1), at(30))
        .await
        .unwrap();
    backend.jobs.release(tenant, job.id, 1, "w", at(5)).await.unwrap();
    let released = backend.jobs.get(tenant, job.id).await.unwrap();
    assert_eq!(
        (released.state, released.run_at, released.lease_owner),
        (JobState::Pending, at(5), None)
    );
    assert_eq!(released.max_attempts - released.attempt, job.max_attempts);
    refused!(backend.jobs.release(tenant, job.id, 1, "w", at(6)).await, Stale);
    let due = backend
        .jobs
        .outbox_due(at(5), chrono::Duration::seconds(9), 9)
        .await
        .unwrap();
    let claim = backend
        .jobs
        .claim(tenant, job.id, due[0].attempt, "w", at(6), at(30))
        .await
        .unwrap();
    assert!(matches!(claim, Claim::Granted(_)));
    let late = AttemptEnd::Done(json!(1));
    refused!(
        backend
            .jobs
            .end_attempt(tenant, job.id, 1, "w", late, at(7))
            .await,
        Stale
    );
}

async fn a_write_that_may_have_begun_is_not_released(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for (effect, free) in [(Effect::Write, false), (Effect::Idempotent, true)] {
        let job = job(tenant, effect);
        backend.jobs.enqueue(tenant, &job).await.unwrap();
        backend
            .jobs
            .claim(tenant, job.id, 1, "w", at(1), at(30))
            .await
            .unwrap();
        backend.jobs.begin_effect(tenant, job.id, 1, "w").await.unwrap();
        let released = backend.jobs.release(tenant, job.id, 1, "w", at(5)).await;
        if free {
            released.unwrap()
        } else {
            assert_eq!(conflict(released), "state")
        }
    }
}
