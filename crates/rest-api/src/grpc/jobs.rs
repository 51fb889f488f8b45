//! Jobs: asked for by the edge, run by workers.

mod called;
mod together;

pub use called::CalledTools;

use std::time::Duration;

use control::ControlError;
use control::tools::NewCall;
use domain::job::{Attempt, AttemptEnd, ToolCallPayload};
use domain::ports::storage::{Claim, Import};
use domain::provider::Health;
use domain::{JobKind, Priority};
use proto::v1::apply_import_request::Piece;
use proto::v1::end_attempt_request::End;
use proto::v1::job_service_server::JobService;
use proto::v1::{self, *};
use tonic::{Request, Response, Status, Streaming};

use super::Grpc;
use super::parse::{id, job, json, optional, optional_id, status, word};

/// The most tools that one provider may have.
const MAX_TOOLS: usize = 20_000;

#[tonic::async_trait]
impl JobService for Grpc {
    async fn enqueue(&self, request: Request<EnqueueRequest>) -> Result<Response<EnqueueResponse>, Status> {
        let asked = request.into_inner();
        if word::<JobKind>("kind", &asked.kind)? != JobKind::ToolCall {
            return Err(Status::invalid_argument("kind: expected `tool_call`"));
        }
        let payload: ToolCallPayload = json("payload_json", &asked.payload_json)?;
        let priority = if asked.priority.is_empty() {
            Priority::Normal
        } else {
            word("priority", &asked.priority)?
        };
        let call = NewCall {
            tool: payload.tool,
            arguments: payload.arguments,
            priority,
            idempotency_key: optional(asked.idempotency_key),
            trace: telemetry::propagation::current_context(),
        };
        let (tenant, by) = (
            id("tenant_id", &asked.tenant_id)?,
            optional_id("requested_by", &asked.requested_by)?,
        );
        let (stored, existing) = self
            .control
            .enqueue_call(tenant, by, call)
            .await
            .map_err(status)?;
        Ok(Response::new(EnqueueResponse {
            job: Some(job(&stored)?),
            existing,
        }))
    }

    async fn get(&self, request: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let asked = request.into_inner();
        let (tenant, id) = (id("tenant_id", &asked.tenant_id)?, id("job_id", &asked.job_id)?);
        let wait = Duration::from_millis(asked.wait_ms.into());
        let found = self.control.await_job(tenant, id, wait).await.map_err(status)?;
        Ok(Response::new(GetJobResponse {
            job: Some(job(&found)?),
        }))
    }

    async fn cancel(
        &self,
        request: Request<CancelJobRequest>,
    ) -> Result<Response<CancelJobResponse>, Status> {
        let asked = request.into_inner();
        let (tenant, id) = (id("tenant_id", &asked.tenant_id)?, id("job_id", &asked.job_id)?);
        let cancelled = self
            .control
            .cancel_for_service(tenant, id)
            .await
            .map_err(status)?;
        Ok(Response::new(CancelJobResponse {
            job: Some(job(&cancelled)?),
        }))
    }

    async fn claim(&self, request: Request<ClaimRequest>) -> Result<Response<ClaimResponse>, Status> {
        let ClaimRequest {
            attempt: asked,
            lease_ms,
        } = request.into_inner();
        let lease = Duration::from_millis(lease_ms.into());
        let claimed = match self
            .control
            .claim(&attempt(asked)?, lease)
            .await
            .map_err(status)?
        {
            Claim::Granted(granted) => Some(job(&granted)?),
            Claim::Superseded => None,
        };
        Ok(Response::new(ClaimResponse { job: claimed }))
    }

    async fn claim_many(
        &self,
        request: Request<ClaimManyRequest>,
    ) -> Result<Response<ClaimManyResponse>, Status> {
        together::claim_many(&self.control, &self.called, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let RenewRequest {
            attempt: asked,
            lease_ms,
        } = request.into_inner();
        let lease = Duration::from_millis(lease_ms.into());
        self.control
            .renew(&attempt(asked)?, lease)
            .await
            .map_err(status)?;
        Ok(Response::new(RenewResponse {}))
    }

    async fn begin_effect(
        &self,
        request: Request<BeginEffectRequest>,
    ) -> Result<Response<BeginEffectResponse>, Status> {
        self.control
            .begin_effect(&attempt(request.into_inner().attempt)?)
            .await
            .map_err(status)?;
        Ok(Response::new(BeginEffectResponse {}))
    }

    async fn end_attempt(
        &self,
        request: Request<EndAttemptRequest>,
    ) -> Result<Response<EndAttemptResponse>, Status> {
        let (attempt, end) = attempt_end(request.into_inner())?;
        let ended = self.control.end_attempt(&attempt, end).await.map_err(status)?;
        Ok(Response::new(EndAttemptResponse {
            job: Some(job(&ended)?),
        }))
    }

    async fn end_many(&self, request: Request<EndManyRequest>) -> Result<Response<EndManyResponse>, Status> {
        together::end_many(&self.control, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<ReleaseResponse>, Status> {
        self.control
            .release(&attempt(request.into_inner().attempt)?)
            .await
            .map_err(status)?;
        Ok(Response::new(ReleaseResponse {}))
    }

    async fn apply_import(
        &self,
        request: Request<Streaming<ApplyImportRequest>>,
    ) -> Result<Response<ApplyImportResponse>, Status> {
        let (attempt, import) = read_import(request.into_inner()).await?;
        let ended = self
            .control
            .apply_import(&attempt, import)
            .await
            .map_err(status)?;
        Ok(Response::new(ApplyImportResponse {
            job: Some(job(&ended)?),
        }))
    }

    async fn record_health(
        &self,
        request: Request<RecordHealthRequest>,
    ) -> Result<Response<RecordHealthResponse>, Status> {
        let RecordHealthRequest {
            tenant_id,
            provider_id,
            healthy,
        } = request.into_inner();
        let (tenant, provider) = (id("tenant_id", &tenant_id)?, id("provider_id", &provider_id)?);
        let health = if healthy {
            Health::Healthy
        } else {
            Health::Unhealthy
        };
        let recorded = self
            .control
            .storage
            .providers
            .record_health(tenant, provider, health)
            .await;
        recorded.map_err(|error| status(ControlError::from(error)))?;
        Ok(Response::new(RecordHealthResponse {}))
    }

    async fn tell_assignee(
        &self,
        request: Request<TellAssigneeRequest>,
    ) -> Result<Response<TellAssigneeResponse>, Status> {
        let asked = request.into_inner();
        let tenant = id("tenant_id", &asked.tenant_id)?;
        let assignment = id("assignment_id", &asked.assignment_id)?;
        let told = self.mesh.tell_assignee(tenant, assignment).await;
        Ok(Response::new(TellAssigneeResponse {
            told: told.map_err(status)?,
        }))
    }
}

fn attempt(attempt: Option<v1::Attempt>) -> Result<Attempt, Status> {
    let attempt = attempt.ok_or_else(|| Status::invalid_argument("attempt: missing"))?;
    Ok(Attempt {
        tenant_id: id("attempt.tenant_id", &attempt.tenant_id)?,
        job_id: id("attempt.job_id", &attempt.job_id)?,
        number: attempt.number,
        owner: attempt.owner,
    })
}

fn attempt_end(asked: EndAttemptRequest) -> Result<(Attempt, AttemptEnd), Status> {
    let end = match asked.end {
        Some(End::DoneJson(result)) => AttemptEnd::Done(json("done_json", &result)?),
        Some(End::FailedJson(error)) => AttemptEnd::Failed(json("failed_json", &error)?),
        Some(End::RetryJson(error)) => AttemptEnd::Retry(json("retry_json", &error)?),
        Some(End::InDoubtJson(error)) => AttemptEnd::InDoubt(json("in_doubt_json", &error)?),
        None => return Err(Status::invalid_argument("end: expected one of its fields")),
    };
    Ok((attempt(asked.attempt)?, end))
}

/// Reads the header and then the tools.
async fn read_import(mut pieces: Streaming<ApplyImportRequest>) -> Result<(Attempt, Import), Status> {
    let first = pieces.message().await?.and_then(|message| message.piece);
    let Some(Piece::Header(header)) = first else {
        return Err(Status::invalid_argument("piece: expected the header first"));
    };
    let mut tools = Vec::new();
    while let Some(message) = pieces.message().await? {
        let Some(Piece::ToolJson(tool)) = message.piece else {
            return Err(Status::invalid_argument(
                "piece: expected a tool after the header",
            ));
        };
        if tools.len() == MAX_TOOLS {
            return Err(Status::resource_exhausted(format!("more than {MAX_TOOLS} tools")));
        }
        tools.push(json("tool_json", &tool)?);
    }
    let import = Import {
        provider: json("provider_json", &header.provider_json)?,
        tools,
        skipped: json("skipped_json", &header.skipped_json)?,
        description: header.description,
        description_url: optional(header.description_url),
    };
    Ok((attempt(header.attempt)?, import))
}
