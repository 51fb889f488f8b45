//! Jobs: asking for one, looking at them, and what people do with them.

use std::time::Duration;

use domain::job::{AttemptEnd, JobError, Resolution};
use domain::ports::storage::{Claim, Ending, Enqueued, JobFilter};
use domain::{Effect, Job, JobId, JobKind, JobState, PageRequest, Priority, TenantId};
use serde_json::json;

use crate::backend::Backend;
use crate::samples::{at, conflict, job, refused};

crate::on_both!(
    a_job_comes_back_as_it_was_stored,
    one_idempotency_key_is_one_job_whoever_asks_first,
    two_tenants_may_use_the_same_idempotency_key,
    jobs_are_listed_newest_first_and_filtered,
    only_a_pending_job_is_cancelled_and_its_message_goes_with_it,
    only_a_failed_job_is_retried_from_its_first_attempt,
    a_job_in_doubt_is_closed_or_run_again_by_a_person,
    waiters_are_woken_when_a_job_is_due_and_when_it_is_final,
    an_end_does_not_wake_who_publishes,
    what_waits_is_counted_by_class,
);

/// Stores a job, takes its first attempt, and ends it so.
pub async fn ended(backend: &Backend, tenant: TenantId, job: Job, end: AttemptEnd) -> Job {
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    let claim = backend
        .jobs
        .claim(tenant, job.id, 1, "w", at(1), at(30))
        .await
        .unwrap();
    assert!(matches!(claim, Claim::Granted(_)));
    backend
        .jobs
        .end_attempt(tenant, job.id, 1, "w", end, at(2))
        .await
        .unwrap()
}

async fn a_job_comes_back_as_it_was_stored(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut job = job(tenant, Effect::Write);
    job.idempotency_key = Some("k".into());
    assert_eq!(backend.jobs.enqueue(tenant, &job).await.unwrap(), Enqueued::New);
    assert_eq!(backend.jobs.get(tenant, job.id).await.unwrap(), job);
    refused!(backend.jobs.get(tenant, JobId::generate()).await, NotFound);
    let again = backend.jobs.enqueue(tenant, &job).await.unwrap();
    assert_eq!(again, Enqueued::Existing(Box::new(job)));
}

async fn one_idempotency_key_is_one_job_whoever_asks_first(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let asks = (0..16).map(|_| {
        let jobs = backend.jobs.clone();
        tokio::spawn(async move {
            let mut job = job(tenant, Effect::Read);
            job.idempotency_key = Some("k".into());
            match jobs.enqueue(tenant, &job).await.unwrap() {
                Enqueued::New => (true, job.id),
                Enqueued::Existing(first) => (false, first.id),
            }
        })
    });
    let answers: Vec<_> = futures::future::join_all(asks)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(answers.iter().filter(|(new, _)| *new).count(), 1);
    assert!(answers.iter().all(|(_, id)| *id == answers[0].1));
    let due = backend
        .jobs
        .outbox_due(at(1), chrono::Duration::seconds(9), 99)
        .await
        .unwrap();
    assert_eq!(due.len(), 1);
}

async fn two_tenants_may_use_the_same_idempotency_key(backend: Backend) {
    for name in ["acme", "umbrella"] {
        let tenant = backend.tenant(name).await;
        let mut job = job(tenant, Effect::Read);
        job.idempotency_key = Some("k".into());
        assert_eq!(backend.jobs.enqueue(tenant, &job).await.unwrap(), Enqueued::New);
    }
}

async fn jobs_are_listed_newest_first_and_filtered(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let done = ended(
        &backend,
        tenant,
        job(tenant, Effect::Read),
        AttemptEnd::Done(json!(1)),
    )
    .await;
    let mut refresh = job(tenant, Effect::Idempotent);
    refresh.kind = JobKind::ProviderRefresh;
    let call = job(tenant, Effect::Read);
    backend.jobs.enqueue(tenant, &refresh).await.unwrap();
    backend.jobs.enqueue(tenant, &call).await.unwrap();
    let list = async |filter, page| {
        let page = backend.jobs.list(tenant, filter, page).await.unwrap();
        (page.items.iter().map(|job| job.id).collect::<Vec<_>>(), page.next)
    };
    let (ids, next) = list(JobFilter::default(), PageRequest::first(2)).await;
    assert_eq!(ids, [call.id, refresh.id]);
    let (ids, next) = list(
        JobFilter::default(),
        PageRequest {
            limit: 2,
            after: next,
        },
    )
    .await;
    assert_eq!((ids, next), (vec![done.id], None));
    let filter = JobFilter {
        state: Some(JobState::Done),
        kind: None,
    };
    assert_eq!(list(filter, PageRequest::first(9)).await.0, [done.id]);
    let filter = JobFilter {
        state: Some(JobState::Pending),
        kind: Some(JobKind::ProviderRefresh),
    };
    assert_eq!(list(filter, PageRequest::first(9)).await.0, [refresh.id]);
}

async fn only_a_pending_job_is_cancelled_and_its_message_goes_with_it(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Write);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    let cancelled = backend.jobs.cancel(tenant, job.id, at(5)).await.unwrap();
    assert_eq!((cancelled.state, cancelled.updated_at), (JobState::Failed, at(5)));
    assert_eq!(cancelled.error.unwrap().kind, "cancelled");
    assert_eq!(
        conflict(backend.jobs.cancel(tenant, job.id, at(6)).await),
        "state"
    );
    let claim = backend
        .jobs
        .claim(tenant, job.id, 1, "w", at(7), at(9))
        .await
        .unwrap();
    assert_eq!(claim, Claim::Superseded);
    let due = backend
        .jobs
        .outbox_due(at(9), chrono::Duration::seconds(9), 9)
        .await
        .unwrap();
    assert_eq!(due, []);
    refused!(
        backend.jobs.cancel(tenant, JobId::generate(), at(6)).await,
        NotFound
    );
}

async fn only_a_failed_job_is_retried_from_its_first_attempt(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let error = JobError::new("upstream_failed", "500");
    let failed = ended(
        &backend,
        tenant,
        job(tenant, Effect::Write),
        AttemptEnd::Failed(error),
    )
    .await;
    let again = backend.jobs.retry(tenant, failed.id, at(50)).await.unwrap();
    assert_eq!(
        (again.state, again.attempt, again.run_at),
        (JobState::Pending, 0, at(50))
    );
    assert_eq!((again.error, again.effect_begun), (None, false));
    let due = backend
        .jobs
        .outbox_due(at(50), chrono::Duration::seconds(9), 9)
        .await
        .unwrap();
    assert_eq!((due[0].job_id, due[0].attempt), (failed.id, 1));
    assert_eq!(
        conflict(backend.jobs.retry(tenant, failed.id, at(51)).await),
        "state"
    );
}

async fn a_job_in_doubt_is_closed_or_run_again_by_a_person(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let states = [
        (Resolution::Done, JobState::Done),
        (Resolution::Failed, JobState::Failed),
        (Resolution::Rerun, JobState::Pending),
    ];
    for (resolution, state) in states {
        let end = AttemptEnd::InDoubt(JobError::new("cut_off", "reset"));
        let doubt = ended(&backend, tenant, job(tenant, Effect::Write), end).await;
        assert_eq!(doubt.state, JobState::InDoubt);
        assert_eq!(backend.jobs.in_doubt().await.unwrap(), [(JobKind::ToolCall, 1)]);
        let resolved = backend
            .jobs
            .resolve(tenant, doubt.id, resolution, "ann", at(9))
            .await
            .unwrap();
        assert_eq!(resolved.state, state);
        assert_eq!(backend.jobs.get(tenant, doubt.id).await.unwrap(), resolved);
        assert_eq!(backend.jobs.in_doubt().await.unwrap(), []);
        let twice = backend
            .jobs
            .resolve(tenant, doubt.id, resolution, "ann", at(9))
            .await;
        assert_eq!(conflict(twice), "state");
    }
    let due = backend
        .jobs
        .outbox_due(at(9), chrono::Duration::seconds(9), 9)
        .await
        .unwrap();
    assert_eq!(due.len(), 1, "the one that runs again");
}

async fn waiters_are_woken_when_a_job_is_due_and_when_it_is_final(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let replica = backend.replica().await;
    // SQLite wakes its own process only; Postgres every replica.
    let mut waiter = match backend.url.starts_with("sqlite") {
        true => backend.jobs.moved(),
        false => replica.jobs.moved(),
    };
    let job = job(tenant, Effect::Read);
    let deadline = Duration::from_secs(10);
    for step in ["enqueue", "end"] {
        // Whatever the start announced has been heard once a second passes in silence.
        while tokio::time::timeout(Duration::from_secs(1), waiter.changed())
            .await
            .is_ok()
        {}
        if step == "enqueue" {
            backend.jobs.enqueue(tenant, &job).await.unwrap();
        } else {
            backend
                .jobs
                .claim(tenant, job.id, 1, "w", at(1), at(9))
                .await
                .unwrap();
            let end = AttemptEnd::Done(json!(null));
            backend
                .jobs
                .end_attempt(tenant, job.id, 1, "w", end, at(2))
                .await
                .unwrap();
        }
        tokio::time::timeout(deadline, waiter.changed())
            .await
            .expect(step)
            .unwrap();
    }
}

async fn an_end_does_not_wake_who_publishes(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let (mut publisher, mut waiter) = (backend.jobs.posted(), backend.jobs.moved());
    let job = job(tenant, Effect::Read);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    let deadline = Duration::from_secs(10);
    tokio::time::timeout(deadline, publisher.changed())
        .await
        .expect("enqueue")
        .unwrap();
    backend
        .jobs
        .claim(tenant, job.id, 1, "w", at(1), at(9))
        .await
        .unwrap();
    // Whatever the start announced has been heard once a second passes in silence.
    while tokio::time::timeout(Duration::from_secs(1), waiter.changed())
        .await
        .is_ok()
    {}
    publisher.mark_unchanged();
    let end = Ending {
        job_id: job.id,
        attempt: 1,
        end: AttemptEnd::Done(json!(null)),
    };
    let ended = backend
        .jobs
        .end_many(tenant, vec![end], "w", at(2))
        .await
        .unwrap();
    assert!(ended[0].is_ok(), "{ended:?}");
    tokio::time::timeout(deadline, waiter.changed())
        .await
        .expect("end")
        .unwrap();
    assert!(!publisher.has_changed().unwrap());
}

async fn what_waits_is_counted_by_class(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for (priority, run_at) in [(Priority::High, 0), (Priority::High, 40), (Priority::Low, 500)] {
        let mut job = job(tenant, Effect::Read);
        (job.priority, job.run_at) = (priority, at(run_at));
        backend.jobs.enqueue(tenant, &job).await.unwrap();
    }
    let stats = backend.jobs.stats(at(100)).await.unwrap();
    let classes: Vec<_> = stats.iter().map(|class| class.priority).collect();
    assert_eq!(classes, Priority::ALL);
    let numbers = stats
        .iter()
        .map(|class| (class.depth, class.oldest_age_seconds, class.outbox_pending));
    assert_eq!(
        numbers.collect::<Vec<_>>(),
        [(0, 0.0, 0), (2, 100.0, 2), (0, 0.0, 0), (0, 0.0, 1)]
    );
}
