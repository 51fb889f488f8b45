//! How a stored job moves, once the row is locked. The decisions are the domain's; here they meet the row.

use chrono::{DateTime, Utc};
use domain::job::{AttemptEnd, JobError, Next, Resolution};
use domain::{Effect, Job, JobState, StoreError};
use serde_json::json;

use crate::rows::job::StoredJob;

/// Whether `owner` holds the lease of this attempt.
pub fn holds(job: &Job, attempt: u32, owner: &str) -> bool {
    job.state == JobState::Running && job.attempt == attempt && job.lease_owner.as_deref() == Some(owner)
}

/// Ends the attempt. `false` when it ended just so before; [`StoreError::Stale`] when the lease is lost.
pub fn end(
    stored: &mut StoredJob,
    attempt: u32,
    owner: &str,
    end: AttemptEnd,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    if !holds(&stored.job, attempt, owner) {
        return if ended_so(stored, attempt, owner, &end) {
            Ok(false)
        } else {
            Err(StoreError::Stale)
        };
    }
    let next = stored.job.after(end, now);
    go(&mut stored.job, next, now);
    stored.ended_by = Some(owner.to_owned());
    Ok(true)
}

fn ended_so(stored: &StoredJob, attempt: u32, owner: &str, end: &AttemptEnd) -> bool {
    let job = &stored.job;
    let failed_so = |state, error| job.state == state && job.error.as_ref() == Some(error);
    job.attempt == attempt
        && stored.ended_by.as_deref() == Some(owner)
        && match end {
            AttemptEnd::Done(result) => job.state == JobState::Done && job.result.as_ref() == Some(result),
            AttemptEnd::Failed(error) => failed_so(JobState::Failed, error),
            AttemptEnd::InDoubt(error) => failed_so(JobState::InDoubt, error),
            AttemptEnd::Retry(error) => {
                failed_so(JobState::Pending, error)
                    || job
                        .error
                        .as_ref()
                        .is_some_and(|stored| stored.kind == "attempts_exhausted")
            }
        }
}

/// Moves the job as the domain decided.
pub fn go(job: &mut Job, next: Next, now: DateTime<Utc>) {
    match next {
        Next::Final(state, outcome) => {
            job.state = state;
            (job.result, job.error) = match outcome {
                Ok(result) => (Some(result), None),
                Err(error) => (None, Some(error)),
            };
        }
        Next::Again(at, error) => {
            job.state = JobState::Pending;
            job.run_at = at;
            job.error = Some(error);
            job.effect_begun = false;
        }
    }
    put_down(job, now);
}

/// Gives a claimed job back untouched. The attempt's number is used up, since it fences; one more is allowed instead,
/// so that as many are left.
pub fn release(
    stored: &mut StoredJob,
    attempt: u32,
    owner: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let job = &mut stored.job;
    if !holds(job, attempt, owner) {
        return Err(StoreError::Stale);
    }
    if job.effect == Effect::Write && job.effect_begun {
        return Err(StoreError::conflict(
            "state",
            "the write may have begun: end the attempt instead",
        ));
    }
    job.state = JobState::Pending;
    job.max_attempts = job.max_attempts.saturating_add(1);
    job.run_at = now;
    job.effect_begun = false;
    put_down(job, now);
    Ok(())
}

/// Cancels a pending job.
pub fn cancel(job: &mut Job, now: DateTime<Utc>) -> Result<(), StoreError> {
    expect(job, JobState::Pending)?;
    let error = JobError::new("cancelled", "cancelled before it ran");
    go(job, Next::Final(JobState::Failed, Err(error)), now);
    Ok(())
}

/// Runs a failed job again.
pub fn retry(job: &mut Job, now: DateTime<Utc>) -> Result<(), StoreError> {
    expect(job, JobState::Failed)?;
    start_over(job, now);
    Ok(())
}

/// Closes a job in doubt, or runs it again.
pub fn resolve(job: &mut Job, how: Resolution, by: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    expect(job, JobState::InDoubt)?;
    let next = match how {
        Resolution::Done => Next::Final(JobState::Done, Ok(json!({ "resolved_by": by }))),
        Resolution::Failed => {
            let error = JobError::new("resolved_as_failed", format!("{by} found that it had no effect"));
            Next::Final(JobState::Failed, Err(error))
        }
        Resolution::Rerun => {
            start_over(job, now);
            return Ok(());
        }
    };
    go(job, next, now);
    Ok(())
}

fn start_over(job: &mut Job, now: DateTime<Utc>) {
    job.state = JobState::Pending;
    job.attempt = 0;
    job.run_at = now;
    job.effect_begun = false;
    (job.result, job.error) = (None, None);
    put_down(job, now);
}

fn put_down(job: &mut Job, now: DateTime<Utc>) {
    job.lease_owner = None;
    job.lease_until = None;
    job.updated_at = now;
}

fn expect(job: &Job, state: JobState) -> Result<(), StoreError> {
    if job.state == state {
        return Ok(());
    }
    let message = format!(
        "the job is {}, it would have to be {}",
        job.state.as_str(),
        state.as_str()
    );
    Err(StoreError::conflict("state", message))
}
