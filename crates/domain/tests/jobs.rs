//! What becomes of a job when an attempt ends or its worker is lost.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use domain::job::{AttemptEnd, JobError, Next};
use domain::{Effect, Job, JobId, JobKind, JobState, Priority, TenantId};
use serde_json::json;

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn running(effect: Effect, attempt: u32) -> Job {
    Job {
        id: JobId::generate(),
        tenant_id: TenantId::generate(),
        kind: JobKind::ToolCall,
        payload: json!({}),
        effect,
        priority: Priority::Normal,
        state: JobState::Running,
        attempt,
        max_attempts: 3,
        run_at: noon(),
        lease_owner: Some("worker".into()),
        lease_until: Some(noon()),
        effect_begun: false,
        result: None,
        error: None,
        trace: BTreeMap::new(),
        idempotency_key: None,
        requested_by: None,
        created_at: noon(),
        updated_at: noon(),
    }
}

#[test]
fn a_write_whose_worker_was_lost_after_it_began_is_in_doubt() {
    let job = Job {
        effect_begun: true,
        ..running(Effect::Write, 1)
    };
    let Next::Final(JobState::InDoubt, Err(error)) = job.after_lost_lease(noon()) else {
        panic!("it was repeated")
    };
    assert_eq!(error.kind, "cut_off");
}

#[test]
fn a_write_whose_worker_was_lost_before_it_began_runs_again() {
    assert!(matches!(
        running(Effect::Write, 1).after_lost_lease(noon()),
        Next::Again(_, _)
    ));
}

#[test]
fn a_read_or_an_idempotent_call_runs_again_even_after_it_began() {
    for effect in [Effect::Read, Effect::Idempotent] {
        let job = Job {
            effect_begun: true,
            ..running(effect, 1)
        };
        assert!(
            matches!(job.after_lost_lease(noon()), Next::Again(_, _)),
            "{effect:?}"
        );
    }
}

#[test]
fn the_last_attempt_fails_for_good_and_says_why() {
    let end = AttemptEnd::Retry(JobError::new("timeout", "it took too long"));
    let Next::Final(JobState::Failed, Err(error)) = running(Effect::Read, 3).after(end, noon()) else {
        panic!("it was tried a fourth time")
    };
    assert_eq!(error.kind, "attempts_exhausted");
    assert!(
        error.message.contains("3 attempts") && error.message.contains("it took too long"),
        "{}",
        error.message
    );
}

#[test]
fn the_back_off_doubles_within_its_jitter_and_stops_at_five_minutes() {
    for attempt in 1..40 {
        let job = running(Effect::Read, attempt);
        let base = (1_000_i64 << (attempt - 1).min(9)).min(300_000);
        let wait = job.backoff().num_milliseconds();
        assert!(
            (base * 3 / 4..=base * 5 / 4).contains(&wait),
            "attempt {attempt}: {wait} ms around {base}"
        );
    }
}

#[test]
fn an_attempt_that_is_tried_again_waits_for_its_back_off() {
    let job = running(Effect::Read, 1);
    let end = AttemptEnd::Retry(JobError::new("unavailable", "later"));
    let Next::Again(at, _) = job.after(end, noon()) else {
        panic!("it was given up")
    };
    assert!(at > noon() && at <= noon() + Duration::milliseconds(1_250));
}
