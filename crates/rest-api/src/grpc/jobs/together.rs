//! Attempts that a worker claims or ends together.

use control::{Control, ControlError};
use domain::Job;
use domain::job::{Attempt, AttemptEnd, Ended};
use domain::ports::storage::Claim;
use proto::MAX_MESSAGE_BYTES;
use proto::v1::{
    ClaimAnswer, ClaimManyRequest, ClaimManyResponse, EndAnswer, EndManyRequest, EndManyResponse, EndedJob,
    Refusal, claim_answer, end_answer,
};
use std::time::Duration;
use tonic::Status;

use super::super::parse::{job, status};
use super::{CalledTools, attempt, attempt_end};

/// Attempts in one request: as many as storage takes in one transaction.
const MOST: usize = 500;
/// Bytes of jobs in one answer; those above it are asked for one by one.
const MAX_JOB_BYTES: usize = MAX_MESSAGE_BYTES / 2;

pub(super) async fn claim_many(
    control: &Control,
    called: &CalledTools,
    asked: ClaimManyRequest,
) -> Result<ClaimManyResponse, Status> {
    at_most(asked.attempts.len())?;
    let attempts = asked.attempts.into_iter().map(|asked| attempt(Some(asked)));
    let attempts: Vec<Attempt> = attempts.collect::<Result<_, _>>()?;
    let lease = Duration::from_millis(asked.lease_ms.into());
    let claims = control.claim_many(&attempts, lease).await;
    let granted: Vec<&Job> = claims
        .iter()
        .filter_map(|claim| granted(claim.as_ref().ok()?))
        .collect();
    let tools = called.of(control, &granted).await;
    let mut room = MAX_JOB_BYTES;
    Ok(ClaimManyResponse {
        tools,
        answers: claims.into_iter().map(|claim| answer(claim, &mut room)).collect(),
    })
}

fn granted(claim: &Claim) -> Option<&Job> {
    match claim {
        Claim::Granted(job) => Some(job),
        Claim::Superseded => None,
    }
}

fn answer(claim: Result<Claim, ControlError>, room: &mut usize) -> ClaimAnswer {
    let sized = |granted: &Job| {
        let mut wire = job(granted)?;
        match room.checked_sub(wire.json.len()) {
            Some(left) => *room = left,
            None => wire.json.clear(),
        }
        Ok(wire)
    };
    let answer = match claim.map_err(status).map(|claim| granted(&claim).map(sized)) {
        Ok(None) => None,
        Ok(Some(Ok(job))) => Some(claim_answer::Answer::Job(job)),
        Ok(Some(Err(status))) | Err(status) => Some(claim_answer::Answer::Refusal(refusal(status))),
    };
    ClaimAnswer { answer }
}

pub(super) async fn end_many(control: &Control, asked: EndManyRequest) -> Result<EndManyResponse, Status> {
    at_most(asked.ends.len())?;
    let ends = asked.ends.into_iter().map(attempt_end);
    let ends: Vec<(Attempt, AttemptEnd)> = ends.collect::<Result<_, _>>()?;
    let ended = control.end_many(ends).await;
    let answers = ended.into_iter().map(|ended| EndAnswer {
        answer: Some(match ended {
            Ok(ended) => end_answer::Answer::Ended(wire_ended(ended)),
            Err(error) => end_answer::Answer::Refusal(refusal(status(error))),
        }),
    });
    Ok(EndManyResponse {
        answers: answers.collect(),
    })
}

fn wire_ended(ended: Ended) -> EndedJob {
    let error = ended.error.map(|error| (error.kind, error.message));
    let (error_kind, error_message) = error.unwrap_or_default();
    EndedJob {
        state: ended.state.as_str().to_owned(),
        error_kind,
        error_message,
    }
}

fn at_most(count: usize) -> Result<(), Status> {
    if count > MOST {
        return Err(Status::invalid_argument(format!(
            "expected at most {MOST} attempts"
        )));
    }
    Ok(())
}

fn refusal(status: Status) -> Refusal {
    Refusal {
        code: status.code().into(),
        message: status.message().to_owned(),
    }
}
