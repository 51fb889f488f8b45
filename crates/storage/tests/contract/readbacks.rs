//! Read-back checks: asked for when a write comes into doubt, heeded when they have ended.

use domain::job::{AttemptEnd, JobError, Resolution};
use domain::ports::storage::JobFilter;
use domain::readback::{ReadBackPayload, Readback, Verdict};
use domain::{Effect, Job, JobKind, JobState, PageRequest, TenantId};
use serde_json::json;

use crate::backend::Backend;
use crate::jobs::ended;
use crate::samples::{at, import, job, provider, refused};

crate::on_both!(
    a_write_in_doubt_asks_for_the_check_of_its_tool_once_and_after_its_delay,
    a_lost_worker_asks_for_the_check_as_well,
    what_a_check_finds_closes_the_write,
    a_check_that_does_not_decide_leaves_the_write_in_doubt_with_the_reason,
    a_check_says_nothing_about_a_write_that_moved_on,
    a_check_outlives_a_refresh_and_goes_when_it_is_taken_away,
);

fn check() -> Readback {
    serde_json::from_value(json!({
        "tool": "read", "done": {"status": 200}, "failed": {"status": 404}, "delay_ms": 5_000, "attempts": 2,
    }))
    .unwrap()
}

/// A tenant with a tool `t` that has a check.
async fn checked(backend: &Backend) -> TenantId {
    let tenant = backend.tenant("acme").await;
    let pets = import(&provider(tenant, "pets"), &["t", "read"]);
    backend.providers.import(tenant, &pets, None).await.unwrap();
    backend
        .providers
        .set_readback(tenant, "t", Some(&check()))
        .await
        .unwrap();
    tenant
}

async fn doubtful(backend: &Backend, tenant: TenantId) -> Job {
    let end = AttemptEnd::InDoubt(JobError::new("timeout", "no answer"));
    ended(backend, tenant, job(tenant, Effect::Write), end).await
}

async fn checks(backend: &Backend, tenant: TenantId) -> Vec<Job> {
    let filter = JobFilter {
        kind: Some(JobKind::ReadBack),
        ..JobFilter::default()
    };
    let page = backend.jobs.list(tenant, filter, PageRequest::first(10)).await;
    page.unwrap().items
}

/// Runs the only check there is, to this end.
async fn found(backend: &Backend, tenant: TenantId, end: AttemptEnd) {
    let check = checks(backend, tenant).await.remove(0);
    let jobs = &backend.jobs;
    let number = check.attempt + 1;
    let now = check.run_at;
    jobs.claim(
        tenant,
        check.id,
        number,
        "w",
        now,
        now + chrono::Duration::seconds(9),
    )
    .await
    .unwrap();
    jobs.end_attempt(tenant, check.id, number, "w", end, now)
        .await
        .unwrap();
}

fn says(verdict: Verdict) -> AttemptEnd {
    AttemptEnd::Done(serde_json::to_value(verdict).unwrap())
}

async fn a_write_in_doubt_asks_for_the_check_of_its_tool_once_and_after_its_delay(backend: Backend) {
    let tenant = checked(&backend).await;
    let write = doubtful(&backend, tenant).await;
    let again = AttemptEnd::InDoubt(JobError::new("timeout", "no answer"));
    backend
        .jobs
        .end_attempt(tenant, write.id, 1, "w", again, at(3))
        .await
        .unwrap();
    let asked = checks(&backend, tenant).await;
    assert_eq!(asked.len(), 1, "the same end told twice asks once: {asked:?}");
    let payload: ReadBackPayload = serde_json::from_value(asked[0].payload.clone()).unwrap();
    assert_eq!(
        (payload.job_id, payload.tool.as_str(), &payload.check),
        (write.id, "t", &check())
    );
    assert_eq!(payload.arguments, write.payload["arguments"]);
    assert_eq!((asked[0].run_at, asked[0].max_attempts), (at(7), 2));
    let (due, hold) = (&backend.jobs, chrono::Duration::seconds(1));
    assert_eq!(due.outbox_due(at(6), hold, 9).await.unwrap(), []);
    let due = due.outbox_due(at(7), hold, 9).await.unwrap();
    assert_eq!((due.len(), due[0].job_id), (1, asked[0].id));
}

async fn a_lost_worker_asks_for_the_check_as_well(backend: Backend) {
    let tenant = checked(&backend).await;
    let (write, jobs) = (job(tenant, Effect::Write), &backend.jobs);
    jobs.enqueue(tenant, &write).await.unwrap();
    jobs.claim(tenant, write.id, 1, "w", at(1), at(30)).await.unwrap();
    jobs.begin_effect(tenant, write.id, 1, "w").await.unwrap();
    jobs.sweep(at(30), at(0), 9).await.unwrap();
    let asked = checks(&backend, tenant).await;
    assert_eq!((asked.len(), asked[0].run_at), (1, at(35)));
    found(&backend, tenant, says(Verdict::Done)).await;
    assert_eq!(jobs.get(tenant, write.id).await.unwrap().state, JobState::Done);
}

async fn what_a_check_finds_closes_the_write(backend: Backend) {
    let tenant = checked(&backend).await;
    for (verdict, state) in [
        (Verdict::Done, JobState::Done),
        (Verdict::Failed, JobState::Failed),
    ] {
        let write = doubtful(&backend, tenant).await;
        found(&backend, tenant, says(verdict)).await;
        let closed = backend.jobs.get(tenant, write.id).await.unwrap();
        assert_eq!(closed.state, state);
        let told = json!([closed.result, closed.error]).to_string();
        assert!(told.contains("the read-back check with `read`"), "{told}");
    }
    assert_eq!(backend.jobs.in_doubt().await.unwrap(), []);
}

async fn a_check_that_does_not_decide_leaves_the_write_in_doubt_with_the_reason(backend: Backend) {
    let tenant = checked(&backend).await;
    let write = doubtful(&backend, tenant).await;
    let undecided = || AttemptEnd::Retry(JobError::new("undecided", "the read failed"));
    found(&backend, tenant, undecided()).await;
    assert_eq!(
        backend.jobs.get(tenant, write.id).await.unwrap(),
        write,
        "it looks again first"
    );
    found(&backend, tenant, undecided()).await;
    let left = backend.jobs.get(tenant, write.id).await.unwrap();
    assert_eq!(
        (left.state, left.updated_at),
        (JobState::InDoubt, write.updated_at)
    );
    let told = left.error.unwrap().message;
    assert!(
        told.starts_with("no answer; ") && told.contains("the read failed"),
        "{told}"
    );
    assert_eq!(
        checks(&backend, tenant).await.len(),
        1,
        "and does not look for ever"
    );
}

async fn a_check_says_nothing_about_a_write_that_moved_on(backend: Backend) {
    let tenant = checked(&backend).await;
    let write = doubtful(&backend, tenant).await;
    let jobs = &backend.jobs;
    jobs.resolve(tenant, write.id, Resolution::Rerun, "ann", at(3))
        .await
        .unwrap();
    jobs.claim(tenant, write.id, 1, "v", at(4), at(30)).await.unwrap();
    backend.providers.set_readback(tenant, "t", None).await.unwrap();
    let again = AttemptEnd::InDoubt(JobError::new("timeout", "again"));
    let second = jobs
        .end_attempt(tenant, write.id, 1, "v", again, at(5))
        .await
        .unwrap();
    found(&backend, tenant, says(Verdict::Failed)).await;
    let stored = jobs.get(tenant, write.id).await.unwrap();
    assert_eq!(stored, second, "the check was about the first doubt");
}

async fn a_check_outlives_a_refresh_and_goes_when_it_is_taken_away(backend: Backend) {
    let tenant = checked(&backend).await;
    let providers = &backend.providers;
    let stored = providers.by_name(tenant, "pets").await.unwrap();
    let mut refreshed = import(&stored, &["t", "read"]);
    refreshed.tools[0].description = "Another one.".into();
    providers.import(tenant, &refreshed, None).await.unwrap();
    assert_eq!(providers.readback(tenant, "t").await.unwrap(), Some(check()));
    providers.set_readback(tenant, "t", None).await.unwrap();
    assert_eq!(providers.readback(tenant, "t").await.unwrap(), None);
    doubtful(&backend, tenant).await;
    assert_eq!(checks(&backend, tenant).await, []);
    refused!(providers.readback(tenant, "none").await, NotFound);
    refused!(providers.set_readback(tenant, "none", None).await, NotFound);
    let stranger = backend.tenant("other").await;
    refused!(providers.set_readback(stranger, "t", None).await, NotFound);
}
