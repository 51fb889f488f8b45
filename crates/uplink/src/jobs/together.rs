//! Claims and ends of a worker's jobs, many in one request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::job::{Attempt, AttemptEnd, Ended, JobError};
use domain::{Job, JobKind, Provider, StoreError, Tool};
use proto::MAX_MESSAGE_BYTES;
use proto::v1::{
    self, ClaimAnswer, ClaimManyRequest, ClaimManyResponse, EndAttemptRequest, EndManyRequest, EndedJob,
    Refusal, claim_answer, end_answer,
};
use tonic::Status;

use super::gather::{Gather, Gathering};
use super::{Jobs, Result, from_json, job, millis, wire_attempt, wire_end};
use crate::store_error;

/// A job that was claimed, and what else its run needs.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The job as it stands now.
    pub job: Job,
    /// The tool that it calls and its provider, where rest-api said them at once.
    pub tool: Option<Arc<(Tool, Provider)>>,
}

/// The answer to one claim of many.
enum Claim {
    Nothing,
    Job(Box<Claimed>),
    /// Granted, but the job did not fit in the answer.
    TooLarge,
}

/// What waits to be claimed or ended.
pub(super) struct Together {
    claims: Gather<Attempt, Result<Claim>>,
    ends: Gather<EndAttemptRequest, Result<Ended>>,
}

impl Together {
    pub(super) fn new(bounds: Gathering) -> Self {
        Self {
            claims: Gather::new(bounds, usize::MAX),
            ends: Gather::new(bounds, MAX_MESSAGE_BYTES / 4),
        }
    }
}

/// Tools by tenant and name, as they came with an answer.
type Tools = HashMap<(String, String), Arc<(Tool, Provider)>>;

impl Jobs {
    /// [`Jobs::claim`] in one request with the other claims of this worker, which ask for the same lease.
    ///
    /// # Errors
    /// When rest-api cannot be reached, or not all of the request could be dealt with: the claim by itself may still be.
    pub async fn claim_together(&self, attempt: &Attempt, lease: Duration) -> Result<Option<Claimed>> {
        let send = |attempts| self.claim_many(attempts, lease);
        let claimed = self.together.claims.ask(attempt.clone(), 0, send).await;
        match claimed.unwrap_or_else(|| Err(cut_off()))? {
            Claim::Nothing => Ok(None),
            Claim::Job(claimed) => Ok(Some(*claimed)),
            Claim::TooLarge => {
                let job = self
                    .get(attempt.tenant_id, attempt.job_id, Duration::ZERO)
                    .await?;
                Ok(Some(Claimed { job, tool: None }))
            }
        }
    }

    /// [`Jobs::end_attempt`] in one request with the other ends of this worker.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease is lost; when rest-api cannot be reached, or not all of the request could be
    /// dealt with: the end by itself may still be.
    pub async fn end_together(&self, attempt: &Attempt, end: &AttemptEnd) -> Result<Ended> {
        let request = EndAttemptRequest {
            attempt: Some(wire_attempt(attempt)),
            end: Some(wire_end(end)?),
        };
        let size = prost::Message::encoded_len(&request);
        let ended = self
            .together
            .ends
            .ask(request, size, |ends| self.end_many(ends))
            .await;
        ended.unwrap_or_else(|| Err(cut_off()))
    }

    async fn claim_many(&self, attempts: Vec<Attempt>, lease: Duration) -> Vec<Result<Claim>> {
        let request = ClaimManyRequest {
            attempts: attempts.iter().map(wire_attempt).collect(),
            lease_ms: millis(lease),
        };
        match self.jobs.clone().claim_many(self.within(request)).await {
            Ok(answer) => claims(answer.into_inner()),
            Err(status) => each(attempts.len(), &status),
        }
    }

    async fn end_many(&self, ends: Vec<EndAttemptRequest>) -> Vec<Result<Ended>> {
        let count = ends.len();
        match self
            .jobs
            .clone()
            .end_many(self.within(EndManyRequest { ends }))
            .await
        {
            Ok(answer) => answer.into_inner().answers.into_iter().map(ended).collect(),
            Err(status) => each(count, &status),
        }
    }
}

fn claims(said: ClaimManyResponse) -> Vec<Result<Claim>> {
    let read = |tool: v1::CalledTool| -> Result<_> {
        let both = (from_json(&tool.tool_json)?, from_json(&tool.provider_json)?);
        Ok(((tool.tenant_id, tool.name), Arc::new(both)))
    };
    // One that cannot be read is asked for when it is needed.
    let tools: Tools = said
        .tools
        .into_iter()
        .filter_map(|tool| read(tool).ok())
        .collect();
    said.answers
        .into_iter()
        .map(|answer| claim(answer, &tools))
        .collect()
}

fn claim(said: ClaimAnswer, tools: &Tools) -> Result<Claim> {
    let claimed = match said.answer {
        None => return Ok(Claim::Nothing),
        Some(claim_answer::Answer::Refusal(refusal)) => return Err(refused(refusal)),
        Some(claim_answer::Answer::Job(claimed)) if claimed.json.is_empty() => return Ok(Claim::TooLarge),
        Some(claim_answer::Answer::Job(claimed)) => job(Some(claimed))?,
    };
    let name = claimed.payload.get("tool").and_then(|name| name.as_str());
    let tool = name.and_then(|name| tools.get(&(claimed.tenant_id.to_string(), name.to_owned())));
    let tool = tool.filter(|_| claimed.kind == JobKind::ToolCall).cloned();
    Ok(Claim::Job(Box::new(Claimed { job: claimed, tool })))
}

fn ended(said: v1::EndAnswer) -> Result<Ended> {
    match said.answer {
        Some(end_answer::Answer::Ended(EndedJob {
            state,
            error_kind,
            error_message,
        })) => Ok(Ended {
            state: serde_json::from_value(state.into()).map_err(StoreError::internal)?,
            error: (!error_kind.is_empty()).then(|| JobError::new(error_kind, error_message)),
        }),
        Some(end_answer::Answer::Refusal(refusal)) => Err(refused(refusal)),
        None => Err(StoreError::internal(
            "rest-api did not say what became of the job",
        )),
    }
}

fn refused(Refusal { code, message }: Refusal) -> StoreError {
    store_error(Status::new(code.into(), message))
}

/// What failed as a whole failed for each.
fn each<T>(count: usize, status: &Status) -> Vec<Result<T>> {
    (0..count).map(|_| Err(store_error(status.clone()))).collect()
}

fn cut_off() -> StoreError {
    StoreError::Unavailable("the request that it went with was cut off".into())
}
