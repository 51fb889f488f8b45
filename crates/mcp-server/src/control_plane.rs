//! What the edge asks of the control plane.

use std::time::Duration;

use async_trait::async_trait;
use domain::{Job, JobId, KeyId, TenantId};
use proto::v1::job_service_client::JobServiceClient;
use proto::v1::mesh_service_client::MeshServiceClient;
use proto::v1::{self, CancelJobRequest, EnqueueRequest, GetJobRequest, MeshCallRequest};
use rmcp::model::JsonObject;
use serde_json::Value;
use tonic::{Request, Status};
use uplink::Link;

/// The jobs of the control plane, as the edge uses them.
#[async_trait]
pub trait ControlPlane: Send + Sync {
    /// Stores a job; it will run even if this process ends now.
    ///
    /// # Errors
    /// The control plane's status.
    async fn enqueue(&self, request: EnqueueRequest) -> Result<Job, Status>;

    /// One job; waits at most `wait` for it to reach a final state.
    ///
    /// # Errors
    /// `NOT_FOUND` when the tenant has no such job; otherwise the control plane's status.
    async fn job(&self, tenant: TenantId, id: JobId, wait: Duration) -> Result<Job, Status>;

    /// Cancels a job that has not begun.
    ///
    /// # Errors
    /// `NOT_FOUND` when the tenant has no such job, `FAILED_PRECONDITION` when it has begun or is final.
    async fn cancel(&self, tenant: TenantId, id: JobId) -> Result<Job, Status>;

    /// Carries out a method of agents or tasks for the holder of a key; what it may do is checked there. A method that
    /// waits does so for at most `wait`.
    ///
    /// # Errors
    /// The control plane's status.
    async fn mesh(
        &self,
        tenant: TenantId,
        key: KeyId,
        method: &str,
        params: JsonObject,
        wait: Duration,
    ) -> Result<Value, Status>;
}

/// rest-api, over gRPC.
pub struct RestApi {
    jobs: JobServiceClient<Link>,
    mesh: MeshServiceClient<Link>,
    timeout: Duration,
}

impl RestApi {
    /// Through this channel, each call within `timeout` (and a wait for a job within the wait's own time).
    #[must_use]
    pub fn new(link: Link, timeout: Duration) -> Self {
        let mesh = MeshServiceClient::new(link.clone())
            .max_decoding_message_size(proto::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(proto::MAX_MESSAGE_BYTES);
        let jobs = JobServiceClient::new(link)
            .max_decoding_message_size(proto::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(proto::MAX_MESSAGE_BYTES);
        Self { jobs, mesh, timeout }
    }

    fn within<T>(&self, message: T, more: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout + more);
        request
    }
}

#[async_trait]
impl ControlPlane for RestApi {
    async fn enqueue(&self, request: EnqueueRequest) -> Result<Job, Status> {
        let request = self.within(request, Duration::ZERO);
        job(self.jobs.clone().enqueue(request).await?.into_inner().job)
    }

    async fn job(&self, tenant: TenantId, id: JobId, wait: Duration) -> Result<Job, Status> {
        let request = GetJobRequest {
            tenant_id: tenant.to_string(),
            job_id: id.to_string(),
            wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
        };
        let request = self.within(request, wait);
        job(self.jobs.clone().get(request).await?.into_inner().job)
    }

    async fn cancel(&self, tenant: TenantId, id: JobId) -> Result<Job, Status> {
        let request = CancelJobRequest {
            tenant_id: tenant.to_string(),
            job_id: id.to_string(),
        };
        let request = self.within(request, Duration::ZERO);
        job(self.jobs.clone().cancel(request).await?.into_inner().job)
    }

    async fn mesh(
        &self,
        tenant: TenantId,
        key: KeyId,
        method: &str,
        params: JsonObject,
        wait: Duration,
    ) -> Result<Value, Status> {
        let params = serde_json::to_vec(&params).map_err(|error| Status::internal(error.to_string()))?;
        let request = MeshCallRequest {
            tenant_id: tenant.to_string(),
            key_id: key.to_string(),
            method: method.to_owned(),
            params_json: params.into(),
        };
        let answer = self
            .mesh
            .clone()
            .call(self.within(request, wait))
            .await?
            .into_inner();
        serde_json::from_slice(&answer.result_json)
            .map_err(|error| Status::internal(format!("rest-api answered what cannot be read: {error}")))
    }
}

fn job(job: Option<v1::Job>) -> Result<Job, Status> {
    let job = job.ok_or_else(|| Status::internal("rest-api answered no job"))?;
    serde_json::from_slice(&job.json)
        .map_err(|error| Status::internal(format!("rest-api answered a job that cannot be read: {error}")))
}
