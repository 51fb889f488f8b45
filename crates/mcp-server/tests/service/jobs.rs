//! The jobs of the fake control plane over gRPC, as far as the edge asks for them.

use std::sync::Arc;
use std::time::Duration;

use domain::{JobId, TenantId};
use mcp_server::control_plane::ControlPlane;
use proto::v1::job_service_server::JobService;
use proto::v1::{self, *};
use tonic::{Request, Response, Status, Streaming};

use crate::behind::Jobs;

type Answer<T> = Result<Response<T>, Status>;

/// [`Jobs`] behind the service of the proto.
pub struct GrpcJobs(pub Arc<Jobs>);

fn wire(job: &domain::Job) -> Option<v1::Job> {
    Some(v1::Job {
        id: job.id.to_string(),
        tenant_id: job.tenant_id.to_string(),
        json: serde_json::to_vec(job).unwrap().into(),
    })
}

fn ids(tenant: &str, job: &str) -> (TenantId, JobId) {
    (tenant.parse().unwrap(), job.parse().unwrap())
}

fn of_workers<T>() -> Answer<T> {
    Err(Status::unimplemented("only workers ask for this"))
}

#[tonic::async_trait]
impl JobService for GrpcJobs {
    async fn enqueue(&self, request: Request<EnqueueRequest>) -> Answer<EnqueueResponse> {
        let job = self.0.enqueue(request.into_inner()).await?;
        let job = wire(&job);
        Ok(Response::new(EnqueueResponse { job, existing: false }))
    }

    async fn get(&self, request: Request<GetJobRequest>) -> Answer<GetJobResponse> {
        let request = request.into_inner();
        let (tenant, id) = ids(&request.tenant_id, &request.job_id);
        let job = self.0.job(tenant, id, Duration::ZERO).await?;
        Ok(Response::new(GetJobResponse { job: wire(&job) }))
    }

    async fn cancel(&self, request: Request<CancelJobRequest>) -> Answer<CancelJobResponse> {
        let request = request.into_inner();
        let (tenant, id) = ids(&request.tenant_id, &request.job_id);
        let job = self.0.cancel(tenant, id).await?;
        Ok(Response::new(CancelJobResponse { job: wire(&job) }))
    }

    async fn claim(&self, _: Request<ClaimRequest>) -> Answer<ClaimResponse> {
        of_workers()
    }

    async fn claim_many(&self, _: Request<ClaimManyRequest>) -> Answer<ClaimManyResponse> {
        of_workers()
    }

    async fn end_many(&self, _: Request<EndManyRequest>) -> Answer<EndManyResponse> {
        of_workers()
    }

    async fn renew(&self, _: Request<RenewRequest>) -> Answer<RenewResponse> {
        of_workers()
    }

    async fn begin_effect(&self, _: Request<BeginEffectRequest>) -> Answer<BeginEffectResponse> {
        of_workers()
    }

    async fn end_attempt(&self, _: Request<EndAttemptRequest>) -> Answer<EndAttemptResponse> {
        of_workers()
    }

    async fn release(&self, _: Request<ReleaseRequest>) -> Answer<ReleaseResponse> {
        of_workers()
    }

    async fn apply_import(&self, _: Request<Streaming<ApplyImportRequest>>) -> Answer<ApplyImportResponse> {
        of_workers()
    }

    async fn record_health(&self, _: Request<RecordHealthRequest>) -> Answer<RecordHealthResponse> {
        of_workers()
    }

    async fn tell_assignee(&self, _: Request<TellAssigneeRequest>) -> Answer<TellAssigneeResponse> {
        of_workers()
    }
}
