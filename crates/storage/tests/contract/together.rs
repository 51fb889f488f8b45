//! Many attempts in one transaction.

use std::collections::HashSet;

use domain::job::{AttemptEnd, Ended, JobError};
use domain::ports::storage::{Claim, Ending};
use domain::{Effect, Job, JobId, JobState, StoreError, TenantId};
use serde_json::json;
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::samples::{at, job};

crate::on_both!(
    of_many_claims_each_gets_the_answer_that_it_would_get_alone,
    of_many_ends_each_leads_where_it_would_lead_alone,
    ends_told_twice_in_one_go_change_nothing_more,
    many_claims_at_once_give_each_job_to_one_worker,
);

async fn enqueued(backend: &Backend, tenant: TenantId, run_at: i64) -> Job {
    let mut job = job(tenant, Effect::Write);
    job.run_at = at(run_at);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    job
}

async fn of_many_claims_each_gets_the_answer_that_it_would_get_alone(backend: Backend) {
    let (tenant, other) = (backend.tenant("acme").await, backend.tenant("globex").await);
    let due = enqueued(&backend, tenant, 0).await.id;
    let later = enqueued(&backend, tenant, 10).await.id;
    let second = enqueued(&backend, tenant, 1).await.id;
    let foreign = enqueued(&backend, other, 0).await.id;
    let asked = [
        (due, 1),
        (later, 1),
        (second, 2),
        (foreign, 1),
        (JobId::generate(), 1),
        (due, 1),
        (second, 1),
    ];
    let claims = backend
        .jobs
        .claim_many(tenant, &asked, "w", at(5), at(35))
        .await
        .unwrap();
    let granted = |claim: &Claim| match claim {
        Claim::Granted(job) => Some(job.clone()),
        Claim::Superseded => None,
    };
    let jobs: Vec<_> = claims.iter().map(granted).collect();
    let ids: Vec<_> = jobs.iter().map(|job| job.as_ref().map(|job| job.id)).collect();
    assert_eq!(ids, [Some(due), None, None, None, None, None, Some(second)]);
    for job in jobs.into_iter().flatten() {
        assert_eq!((job.state, job.attempt), (JobState::Running, 1));
        assert_eq!(
            (job.lease_owner.as_deref(), job.lease_until),
            (Some("w"), Some(at(35)))
        );
        assert_eq!(*job, backend.jobs.get(tenant, job.id).await.unwrap());
    }
    let waiting = backend
        .jobs
        .outbox_due(at(20), chrono::Duration::seconds(9), 9)
        .await
        .unwrap();
    let waiting: HashSet<_> = waiting.iter().map(|entry| entry.job_id).collect();
    assert_eq!(
        waiting,
        [later, foreign].into(),
        "claimed jobs need no message any more"
    );
    assert_eq!(
        backend
            .jobs
            .claim_many(tenant, &asked, "x", at(6), at(36))
            .await
            .unwrap(),
        vec![Claim::Superseded; 7]
    );
}

/// A write under way, held by `owner`.
async fn begun(backend: &Backend, tenant: TenantId, owner: &str) -> JobId {
    let id = enqueued(backend, tenant, 0).await.id;
    let jobs = &backend.jobs;
    jobs.claim(tenant, id, 1, owner, at(1), at(30)).await.unwrap();
    jobs.begin_effect(tenant, id, 1, owner).await.unwrap();
    id
}

fn ending(job_id: JobId, end: &AttemptEnd) -> Ending {
    let end = end.clone();
    Ending {
        job_id,
        attempt: 1,
        end,
    }
}

async fn of_many_ends_each_leads_where_it_would_lead_alone(backend: Backend) {
    let (tenant, jobs) = (backend.tenant("acme").await, backend.jobs.clone());
    let mut error = JobError::new("timeout", "too slow");
    error.details = Some(json!({ "z": 1, "a": [null] }));
    let ends = [
        AttemptEnd::Done(json!({ "z": 1, "a": "\u{1F980} '\\ \u{0}" })),
        AttemptEnd::Failed(error.clone()),
        AttemptEnd::InDoubt(error.clone()),
        AttemptEnd::Retry(error),
        AttemptEnd::Done(json!(null)),
    ];
    let (mut alone, mut endings) = (Vec::new(), Vec::new());
    for end in &ends {
        let twin = begun(&backend, tenant, "w").await;
        let ended = jobs.end_attempt(tenant, twin, 1, "w", end.clone(), at(2)).await;
        alone.push(ended.unwrap());
        endings.push(ending(begun(&backend, tenant, "w").await, end));
    }
    let late = begun(&backend, tenant, "x").await;
    for id in [enqueued(&backend, tenant, 0).await.id, late, JobId::generate()] {
        endings.insert(1, ending(id, &ends[0]));
    }
    let ids: Vec<JobId> = endings.iter().map(|ending| ending.job_id).collect();
    let answers = jobs.end_many(tenant, endings, "w", at(2)).await.unwrap();
    assert!(
        matches!(answers[1], Err(StoreError::NotFound)),
        "{:?}",
        answers[1]
    );
    assert!(matches!(
        answers[2..4],
        [Err(StoreError::Stale), Err(StoreError::Stale)]
    ));
    let answered = ids.into_iter().zip(answers);
    let ended: Vec<(JobId, Ended)> = answered
        .filter_map(|(id, answer)| Some((id, answer.ok()?)))
        .collect();
    assert_eq!(ended.len(), alone.len());
    for ((id, answer), alone) in ended.iter().zip(alone) {
        let ended = jobs.get(tenant, *id).await.unwrap();
        let twin = Job {
            id: ended.id,
            // The back-off has jitter from the job's own id.
            run_at: ended.run_at,
            requested_by: ended.requested_by,
            ..alone
        };
        assert_eq!(ended, twin);
        assert_eq!((answer.state, &answer.error), (twin.state, &twin.error));
    }
    let hold = chrono::Duration::seconds(9);
    let again = jobs.outbox_due(at(60), hold, 9).await.unwrap();
    let retried = again.iter().find(|entry| entry.job_id == ended[3].0).unwrap();
    assert_eq!(retried.attempt, 2, "what is tried again has a message of its own");
    assert_eq!(jobs.get(tenant, late).await.unwrap().state, JobState::Running);
}

async fn ends_told_twice_in_one_go_change_nothing_more(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let job_id = enqueued(&backend, tenant, 0).await.id;
    backend
        .jobs
        .claim(tenant, job_id, 1, "w", at(1), at(30))
        .await
        .unwrap();
    let ending = |end| Ending {
        job_id,
        attempt: 1,
        end,
    };
    let done = ending(AttemptEnd::Done(json!(1)));
    let other = ending(AttemptEnd::Done(json!(2)));
    let first = backend
        .jobs
        .end_many(tenant, vec![done.clone(), done.clone(), other], "w", at(2))
        .await
        .unwrap();
    assert!(
        matches!(&first[..], [Ok(one), Ok(two), Err(StoreError::Stale)] if one == two),
        "{first:?}"
    );
    let again = backend
        .jobs
        .end_many(tenant, vec![done], "w", at(9))
        .await
        .unwrap();
    let stored = backend.jobs.get(tenant, job_id).await.unwrap();
    let expected = Ended {
        state: stored.state,
        error: None,
    };
    assert_eq!(
        (again[0].as_ref().unwrap(), stored.updated_at),
        (&expected, at(2))
    );
}

/// In opposite orders, while the relay notes what the broker has: nobody waits for the other for ever.
async fn many_claims_at_once_give_each_job_to_one_worker(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for _ in 0..200 {
        enqueued(&backend, tenant, 0).await;
    }
    let hold = chrono::Duration::seconds(60);
    let due = backend.jobs.outbox_due(at(1), hold, 500).await.unwrap();
    let rows: Vec<i64> = due.iter().map(|entry| entry.id).collect();
    let replica = backend.replica().await;
    let mut workers = JoinSet::new();
    for worker in 0..8 {
        let jobs = if worker % 2 == 0 {
            backend.jobs.clone()
        } else {
            replica.jobs.clone()
        };
        let mut asked: Vec<_> = due.iter().map(|entry| (entry.job_id, entry.attempt)).collect();
        if worker % 2 == 0 {
            asked.reverse();
        }
        asked.rotate_left(worker * 20);
        workers.spawn(async move {
            let owner = format!("worker {worker}");
            let mut ended = Vec::new();
            for batch in asked.chunks(50) {
                let claims = jobs
                    .claim_many(tenant, batch, &owner, at(2), at(60))
                    .await
                    .unwrap();
                let granted = claims.into_iter().filter_map(|claim| match claim {
                    Claim::Granted(job) => Some(job.id),
                    Claim::Superseded => None,
                });
                let end = |job_id| Ending {
                    job_id,
                    attempt: 1,
                    end: AttemptEnd::Done(json!(1)),
                };
                let endings: Vec<_> = granted.map(end).collect();
                let ids: Vec<JobId> = endings.iter().map(|ending| ending.job_id).collect();
                if !endings.is_empty() {
                    let answers = jobs.end_many(tenant, endings, &owner, at(3)).await.unwrap();
                    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                    ended.extend(ids);
                }
            }
            ended
        });
    }
    let relay = backend.jobs.clone();
    workers.spawn(async move {
        for batch in rows.chunks(20).rev() {
            relay.published(batch, at(2)).await.unwrap();
        }
        Vec::new()
    });
    let ended: Vec<JobId> = workers.join_all().await.concat();
    assert_eq!(ended.len(), 200);
    assert_eq!(ended.into_iter().collect::<HashSet<_>>().len(), 200);
}
