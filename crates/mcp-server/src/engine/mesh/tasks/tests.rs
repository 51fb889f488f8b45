use std::collections::BTreeMap;

use chrono::DateTime;
use domain::{KeyId, TenantId};

use super::*;

fn job(state: JobState, result: Option<CallOutcome>, error: Option<JobError>) -> Job {
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    Job {
        id: JobId::generate(),
        tenant_id: TenantId::generate(),
        kind: JobKind::ToolCall,
        payload: json!({}),
        effect: Effect::Read,
        priority: Priority::Normal,
        state,
        attempt: 1,
        max_attempts: 5,
        run_at: at,
        lease_owner: None,
        lease_until: None,
        effect_begun: false,
        result: result.map(|outcome| serde_json::to_value(outcome).unwrap()),
        error,
        trace: BTreeMap::new(),
        idempotency_key: None,
        requested_by: Some(KeyId::generate()),
        created_at: at,
        updated_at: at,
    }
}

fn wire(job: &Job) -> Value {
    serde_json::to_value(detailed(job, &TasksConfig::default())).unwrap()
}

#[test]
fn a_job_that_is_not_final_is_a_working_task() {
    for state in [JobState::Pending, JobState::Running] {
        let task = wire(&job(state, None, None));
        assert_eq!(task["status"], "working");
        assert_eq!(task["createdAt"], "2023-11-14T22:13:20.000Z");
        assert_eq!(
            (&task["ttlMs"], &task["pollIntervalMs"]),
            (&json!(86_400_000), &json!(1_000))
        );
    }
}

#[test]
fn a_done_job_is_completed_with_the_call_result() {
    let task = wire(&job(JobState::Done, Some(CallOutcome::text("42")), None));
    assert_eq!(task["status"], "completed");
    assert_eq!(task["result"]["content"][0]["text"], "42");
    assert_eq!(task["result"]["isError"], false);
}

#[test]
fn an_upstream_that_refused_completes_the_task_with_an_error_for_the_model() {
    let error = JobError::new("upstream_rejected", "404 from upstream");
    for failed in [
        job(JobState::Failed, None, Some(error)),
        job(
            JobState::Done,
            Some(CallOutcome::failed(
                CallErrorKind::UpstreamRejected,
                "404 from upstream",
            )),
            None,
        ),
    ] {
        let task = wire(&failed);
        assert_eq!(
            (&task["status"], &task["result"]["isError"]),
            (&json!("completed"), &json!(true))
        );
        assert_eq!(task["result"]["content"][0]["text"], "404 from upstream");
    }
}

#[test]
fn a_cancelled_job_is_a_cancelled_task() {
    let task = wire(&job(
        JobState::Failed,
        None,
        Some(JobError::new("cancelled", "cancelled by its caller")),
    ));
    assert_eq!(task["status"], "cancelled");
    assert!(task.get("error").is_none() && task.get("result").is_none());
}

#[test]
fn a_write_that_was_cut_off_fails_and_says_that_it_is_in_doubt() {
    let task = wire(&job(
        JobState::InDoubt,
        None,
        Some(JobError::new("cut_off", "none or one effect")),
    ));
    assert_eq!(task["status"], "failed");
    assert_eq!(
        task["error"]["data"],
        json!({ "state": "in_doubt", "kind": "cut_off" })
    );
    assert_eq!(task["error"]["message"], "none or one effect");
}
