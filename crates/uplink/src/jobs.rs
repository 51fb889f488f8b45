//! Jobs through gRPC, in the domain's words.

mod gather;
mod together;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::job::{Attempt, AttemptEnd, ToolCallPayload};
use domain::ports::storage::Import;
use domain::{
    AssignmentId, Effect, Job, JobId, JobKind, KeyId, Priority, Provider, ProviderId, StoreError, TenantId,
    Tool,
};
use proto::MAX_MESSAGE_BYTES;
use proto::v1::apply_import_request::Piece;
use proto::v1::catalogue_service_client::CatalogueServiceClient;
use proto::v1::end_attempt_request::End;
use proto::v1::job_service_client::JobServiceClient;
use proto::v1::{
    self, ApplyImportRequest, BeginEffectRequest, CancelJobRequest, ClaimRequest, EndAttemptRequest,
    EnqueueRequest, GetJobRequest, GetProviderRequest, GetToolRequest, ImportHeader, RecordHealthRequest,
    ReleaseRequest, RenewRequest, TellAssigneeRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Request;

use crate::channel::Link;
use crate::store_error;
pub use gather::Gathering;
pub use together::Claimed;
use together::Together;

type Result<T> = std::result::Result<T, StoreError>;

/// Jobs, and what workers need to run them. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    jobs: JobServiceClient<Link>,
    catalogue: CatalogueServiceClient<Link>,
    timeout: Duration,
    together: Arc<Together>,
}

impl Jobs {
    /// Through this channel, each call within `timeout` (and a wait for a job within the wait's own time).
    #[must_use]
    pub fn new(link: Link, timeout: Duration) -> Self {
        let jobs = JobServiceClient::new(link.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let catalogue = CatalogueServiceClient::new(link).max_decoding_message_size(MAX_MESSAGE_BYTES);
        Self {
            jobs,
            catalogue,
            timeout,
            together: Arc::new(Together::new(Gathering::default())),
        }
    }

    /// The same, with bounds of its own for what is asked together.
    #[must_use]
    pub fn gathering(self, bounds: Gathering) -> Self {
        Self {
            together: Arc::new(Together::new(bounds)),
            ..self
        }
    }

    /// Asks for a tool call as a job; answers the job, and whether it was there before under this idempotency key.
    ///
    /// # Errors
    /// When there is no such tool; when rest-api cannot be reached.
    pub async fn enqueue_call(
        &self,
        tenant: TenantId,
        by: KeyId,
        call: &ToolCallPayload,
        effect: Effect,
        priority: Priority,
        idempotency_key: Option<String>,
    ) -> Result<(Job, bool)> {
        let request = EnqueueRequest {
            tenant_id: tenant.to_string(),
            kind: JobKind::ToolCall.as_str().to_owned(),
            payload_json: to_json(call)?,
            effect: word(effect)?,
            priority: priority.as_str().to_owned(),
            idempotency_key: idempotency_key.unwrap_or_default(),
            requested_by: by.to_string(),
        };
        let answer = self
            .jobs
            .clone()
            .enqueue(self.within(request))
            .await
            .map_err(store_error)?
            .into_inner();
        Ok((job(answer.job)?, answer.existing))
    }

    /// One job; waits up to `wait` for a final state.
    ///
    /// # Errors
    /// When there is no such job; when rest-api cannot be reached.
    pub async fn get(&self, tenant: TenantId, id: JobId, wait: Duration) -> Result<Job> {
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let mut request = Request::new(GetJobRequest {
            tenant_id: tenant.to_string(),
            job_id: id.to_string(),
            wait_ms,
        });
        request.set_timeout(self.timeout + wait);
        job(self
            .jobs
            .clone()
            .get(request)
            .await
            .map_err(store_error)?
            .into_inner()
            .job)
    }

    /// Cancels a job that has not begun.
    ///
    /// # Errors
    /// When there is no such job; when it has begun or is final.
    pub async fn cancel(&self, tenant: TenantId, id: JobId) -> Result<Job> {
        let request = CancelJobRequest {
            tenant_id: tenant.to_string(),
            job_id: id.to_string(),
        };
        job(self
            .jobs
            .clone()
            .cancel(self.within(request))
            .await
            .map_err(store_error)?
            .into_inner()
            .job)
    }

    /// Takes the lease of an attempt; none when there is nothing to do.
    ///
    /// # Errors
    /// When rest-api cannot be reached.
    pub async fn claim(&self, attempt: &Attempt, lease: Duration) -> Result<Option<Job>> {
        let request = ClaimRequest {
            attempt: Some(wire_attempt(attempt)),
            lease_ms: millis(lease),
        };
        let answer = self
            .jobs
            .clone()
            .claim(self.within(request))
            .await
            .map_err(store_error)?
            .into_inner();
        answer.job.map(|claimed| job(Some(claimed))).transpose()
    }

    /// Extends the lease.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when it is lost.
    pub async fn renew(&self, attempt: &Attempt, lease: Duration) -> Result<()> {
        let request = RenewRequest {
            attempt: Some(wire_attempt(attempt)),
            lease_ms: millis(lease),
        };
        self.jobs
            .clone()
            .renew(self.within(request))
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Notes that the attempt may have had its effect from now on.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease is lost.
    pub async fn begin_effect(&self, attempt: &Attempt) -> Result<()> {
        let request = BeginEffectRequest {
            attempt: Some(wire_attempt(attempt)),
        };
        self.jobs
            .clone()
            .begin_effect(self.within(request))
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Ends the attempt.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease is lost.
    pub async fn end_attempt(&self, attempt: &Attempt, end: &AttemptEnd) -> Result<Job> {
        let request = EndAttemptRequest {
            attempt: Some(wire_attempt(attempt)),
            end: Some(wire_end(end)?),
        };
        job(self
            .jobs
            .clone()
            .end_attempt(self.within(request))
            .await
            .map_err(store_error)?
            .into_inner()
            .job)
    }

    /// Gives a claimed job back untouched.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease is lost.
    pub async fn release(&self, attempt: &Attempt) -> Result<()> {
        let request = ReleaseRequest {
            attempt: Some(wire_attempt(attempt)),
        };
        self.jobs
            .clone()
            .release(self.within(request))
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Stores what a description gave and ends the attempt that read it.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease is lost; when rest-api cannot be reached.
    pub async fn apply_import(&self, attempt: &Attempt, import: &Import) -> Result<Job> {
        let header = ImportHeader {
            attempt: Some(wire_attempt(attempt)),
            provider_json: to_json(&import.provider)?,
            skipped_json: to_json(&import.skipped)?,
            description: import.description.clone(),
            description_url: import.description_url.clone().unwrap_or_default(),
        };
        let mut pieces = vec![ApplyImportRequest {
            piece: Some(Piece::Header(header)),
        }];
        for tool in &import.tools {
            pieces.push(ApplyImportRequest {
                piece: Some(Piece::ToolJson(to_json(tool)?)),
            });
        }
        // Twenty megabytes and a transaction take longer than a small call.
        let mut request = Request::new(futures::stream::iter(pieces));
        request.set_timeout(self.timeout * 6);
        job(self
            .jobs
            .clone()
            .apply_import(request)
            .await
            .map_err(store_error)?
            .into_inner()
            .job)
    }

    /// Stores the result of a provider's health check.
    ///
    /// # Errors
    /// When there is no such provider; when rest-api cannot be reached.
    pub async fn record_health(&self, tenant: TenantId, provider: ProviderId, healthy: bool) -> Result<()> {
        let request = RecordHealthRequest {
            tenant_id: tenant.to_string(),
            provider_id: provider.to_string(),
            healthy,
        };
        self.jobs
            .clone()
            .record_health(self.within(request))
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Tells the assignee of an assignment. Answers whether there was somebody to tell.
    ///
    /// # Errors
    /// When rest-api cannot be reached.
    pub async fn tell_assignee(&self, tenant: TenantId, assignment: AssignmentId) -> Result<bool> {
        let request = TellAssigneeRequest {
            tenant_id: tenant.to_string(),
            assignment_id: assignment.to_string(),
        };
        let answer = self.jobs.clone().tell_assignee(self.within(request)).await;
        Ok(answer.map_err(store_error)?.into_inner().told)
    }

    /// One tool with its provider, as stored now.
    ///
    /// # Errors
    /// When there is no such tool; when rest-api cannot be reached.
    pub async fn tool(&self, tenant: TenantId, name: &str) -> Result<(Tool, Provider)> {
        let request = GetToolRequest {
            tenant_id: tenant.to_string(),
            name: name.to_owned(),
        };
        let answer = self
            .catalogue
            .clone()
            .get_tool(self.within(request))
            .await
            .map_err(store_error)?
            .into_inner();
        Ok((from_json(&answer.tool_json)?, from_json(&answer.provider_json)?))
    }

    /// One provider with its description's text and address.
    ///
    /// # Errors
    /// When there is no such provider; when rest-api cannot be reached.
    pub async fn provider(
        &self,
        tenant: TenantId,
        id: ProviderId,
    ) -> Result<(Provider, String, Option<String>)> {
        let request = GetProviderRequest {
            tenant_id: tenant.to_string(),
            provider_id: id.to_string(),
        };
        let answer = self.catalogue.clone().get_provider(self.within(request)).await;
        let answer = answer.map_err(store_error)?.into_inner();
        let url = (!answer.description_url.is_empty()).then_some(answer.description_url);
        Ok((from_json(&answer.provider_json)?, answer.description, url))
    }

    fn within<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }
}

/// The attempt as it travels.
fn wire_attempt(attempt: &Attempt) -> v1::Attempt {
    v1::Attempt {
        tenant_id: attempt.tenant_id.to_string(),
        job_id: attempt.job_id.to_string(),
        number: attempt.number,
        owner: attempt.owner.clone(),
    }
}

/// The end of an attempt as it travels.
fn wire_end(end: &AttemptEnd) -> Result<End> {
    Ok(match end {
        AttemptEnd::Done(result) => End::DoneJson(to_json(result)?),
        AttemptEnd::Failed(error) => End::FailedJson(to_json(error)?),
        AttemptEnd::Retry(error) => End::RetryJson(to_json(error)?),
        AttemptEnd::InDoubt(error) => End::InDoubtJson(to_json(error)?),
    })
}

fn job(job: Option<v1::Job>) -> Result<Job> {
    from_json(
        &job.ok_or_else(|| StoreError::internal("rest-api answered no job"))?
            .json,
    )
}

fn from_json<T: DeserializeOwned>(bytes: &Bytes) -> Result<T> {
    serde_json::from_slice(bytes).map_err(StoreError::internal)
}

fn to_json<T: Serialize>(value: &T) -> Result<Bytes> {
    serde_json::to_vec(value)
        .map(Into::into)
        .map_err(StoreError::internal)
}

fn word(effect: Effect) -> Result<String> {
    match serde_json::to_value(effect).map_err(StoreError::internal)? {
        serde_json::Value::String(word) => Ok(word),
        _ => Err(StoreError::internal("an effect is a word")),
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
