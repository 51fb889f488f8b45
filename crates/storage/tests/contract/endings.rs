//! How attempts end.

use domain::job::{AttemptEnd, JobError};
use domain::ports::storage::Claim;
use domain::{Effect, JobState};
use serde_json::json;

use crate::backend::Backend;
use crate::jobs::ended;
use crate::samples::{at, job, refused};

crate::on_both!(
    each_end_leads_to_its_state,
    the_same_end_told_twice_changes_nothing_and_another_one_is_refused,
    a_retry_waits_and_then_gets_a_message_of_its_own,
    the_last_retry_fails_for_good,
);

async fn each_end_leads_to_its_state(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let error = JobError {
        kind: "timeout".into(),
        message: "too slow".into(),
        details: Some(json!({"z": 1, "a": [null]})),
    };
    let ends = [
        (AttemptEnd::Done(json!({"z": 1, "a": 2})), JobState::Done),
        (AttemptEnd::Done(json!(null)), JobState::Done),
        (AttemptEnd::Failed(error.clone()), JobState::Failed),
        (AttemptEnd::InDoubt(error.clone()), JobState::InDoubt),
        (AttemptEnd::Retry(error), JobState::Pending),
    ];
    for (end, state) in ends {
        let ended = ended(&backend, tenant, job(tenant, Effect::Write), end.clone()).await;
        assert_eq!((ended.state, ended.lease_owner.as_ref()), (state, None));
        assert_eq!(
            backend.jobs.get(tenant, ended.id).await.unwrap(),
            ended,
            "{end:?}"
        );
        match end {
            AttemptEnd::Done(result) => assert_eq!((ended.result, ended.error), (Some(result), None)),
            AttemptEnd::Failed(error) | AttemptEnd::InDoubt(error) | AttemptEnd::Retry(error) => {
                assert_eq!(ended.error, Some(error));
            }
        }
    }
}

async fn the_same_end_told_twice_changes_nothing_and_another_one_is_refused(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let error = JobError::new("timeout", "too slow");
    let ends = [
        AttemptEnd::Done(json!({"n": 1.5})),
        AttemptEnd::Failed(error.clone()),
        AttemptEnd::InDoubt(error.clone()),
        AttemptEnd::Retry(error),
    ];
    for (number, end) in ends.iter().enumerate() {
        let first = ended(&backend, tenant, job(tenant, Effect::Write), end.clone()).await;
        let tell = async |end: &AttemptEnd, owner| {
            backend
                .jobs
                .end_attempt(tenant, first.id, 1, owner, end.clone(), at(77))
                .await
        };
        assert_eq!(tell(end, "w").await.unwrap(), first);
        refused!(tell(&ends[(number + 1) % 4], "w").await, Stale);
        refused!(tell(end, "x").await, Stale);
        assert_eq!(backend.jobs.get(tenant, first.id).await.unwrap(), first);
    }
}

async fn a_retry_waits_and_then_gets_a_message_of_its_own(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let hold = chrono::Duration::seconds(60);
    let job = job(tenant, Effect::Read);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    let first = backend.jobs.outbox_due(at(1), hold, 9).await.unwrap();
    backend
        .jobs
        .claim(tenant, job.id, 1, "w", at(1), at(30))
        .await
        .unwrap();
    let end = AttemptEnd::Retry(JobError::new("timeout", "too slow"));
    let again = backend
        .jobs
        .end_attempt(tenant, job.id, 1, "w", end, at(2))
        .await
        .unwrap();
    assert_eq!(again.run_at, at(2) + job_after_one_attempt(&job).backoff());
    // The broker's confirmation of the first message comes late: it must not take the second one along.
    backend.jobs.published(&[first[0].id], at(2)).await.unwrap();
    assert_eq!(
        backend.jobs.outbox_due(at(2), hold, 9).await.unwrap(),
        [],
        "not due"
    );
    let second = backend.jobs.outbox_due(at(10), hold, 9).await.unwrap();
    assert_eq!((second[0].job_id, second[0].attempt), (job.id, 2));
}

fn job_after_one_attempt(job: &domain::Job) -> domain::Job {
    domain::Job {
        attempt: 1,
        ..job.clone()
    }
}

async fn the_last_retry_fails_for_good(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Read);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    let end = AttemptEnd::Retry(JobError::new("timeout", "too slow"));
    for attempt in 1..=3 {
        let now = i64::from(attempt) * 100;
        let claim = backend
            .jobs
            .claim(tenant, job.id, attempt, "w", at(now), at(now + 9))
            .await
            .unwrap();
        assert!(matches!(claim, Claim::Granted(_)), "{attempt}");
        backend
            .jobs
            .end_attempt(tenant, job.id, attempt, "w", end.clone(), at(now))
            .await
            .unwrap();
    }
    let failed = backend.jobs.get(tenant, job.id).await.unwrap();
    assert_eq!(
        (failed.state, failed.error.clone().unwrap().kind.as_str()),
        (JobState::Failed, "attempts_exhausted")
    );
    let twice = backend
        .jobs
        .end_attempt(tenant, job.id, 3, "w", end, at(999))
        .await
        .unwrap();
    assert_eq!(twice, failed);
    let due = backend
        .jobs
        .outbox_due(at(9_999), chrono::Duration::seconds(9), 9)
        .await
        .unwrap();
    assert_eq!(due, []);
}
