//! What each kind of job does, one file a kind, listed here.

mod call_audit;
mod description;
mod notification;
mod provider_health;
mod provider_import;
mod provider_refresh;
mod read_back;
mod tool_call;

use std::sync::Arc;

use connectors::openapi::Limits;
use connectors::{CallContext, Connectors};
use domain::job::{Attempt, AttemptEnd, JobError};
use domain::{CallOutcome, Clock, Job, JobKind, Provider, StoreError, Tool};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use uplink::{Jobs, Spool};

use crate::tools::Tools;

/// What jobs can reach.
#[derive(Clone)]
pub struct Kinds {
    /// Upstreams.
    pub connectors: Arc<Connectors>,
    /// The tools that were called.
    pub(crate) tools: Arc<Tools>,
    /// How large a description may be.
    pub import: Limits,
    /// Where audit records go.
    pub spool: Arc<Spool>,
}

/// One attempt, as the job sees it.
pub struct Run<'a> {
    /// The job.
    pub job: &'a Job,
    /// The attempt.
    pub attempt: &'a Attempt,
    /// The tool that it calls and its provider, where they came with the claim.
    pub tool: Option<Arc<(Tool, Provider)>>,
    /// Jobs at rest-api.
    pub jobs: &'a Jobs,
    /// Cancelled when the worker must stop at once, or the lease is lost.
    pub cancel: CancellationToken,
    /// What time it is.
    pub clock: &'a dyn Clock,
}

impl Kinds {
    /// Runs a job. None: it was stopped before it could have an effect, and is to be given back.
    pub async fn run(&self, run: Run<'_>) -> Option<AttemptEnd> {
        match run.job.kind {
            JobKind::ToolCall => tool_call::run(self, &run).await,
            JobKind::ProviderImport => stoppable(&run, provider_import::run(self, &run)).await,
            JobKind::ProviderRefresh => stoppable(&run, provider_refresh::run(self, &run)).await,
            JobKind::ProviderHealth => stoppable(&run, provider_health::run(self, &run)).await,
            JobKind::Notification => stoppable(&run, notification::run(&run)).await,
            JobKind::ReadBack => stoppable(&run, read_back::run(self, &run)).await,
        }
    }
}

impl Kinds {
    /// Calls a tool.
    async fn call(
        &self,
        provider: &Provider,
        tool: &Tool,
        arguments: serde_json::Value,
        context: &CallContext,
    ) -> CallOutcome {
        self.tools.called(tool, provider);
        self.connectors.call(provider, tool, arguments, context).await
    }
}

/// Runs something that may be stopped anywhere, since repeating it changes nothing more.
async fn stoppable(run: &Run<'_>, work: impl Future<Output = AttemptEnd>) -> Option<AttemptEnd> {
    run.cancel.run_until_cancelled(work).await
}

/// The job's input.
fn payload<T: DeserializeOwned>(job: &Job) -> Result<T, Box<AttemptEnd>> {
    serde_json::from_value(job.payload.clone()).map_err(|error| {
        // Line and column only: a payload may hold arguments.
        let message = format!("the job's payload is not as expected (column {})", error.column());
        Box::new(AttemptEnd::Failed(JobError::new("invalid_payload", message)))
    })
}

/// What a failed call to rest-api means for an attempt that has had no effect.
fn unreachable(error: StoreError) -> AttemptEnd {
    match error {
        StoreError::NotFound => {
            AttemptEnd::Failed(JobError::new("not_found", "what the job is about is gone"))
        }
        error => AttemptEnd::Retry(JobError::new("unavailable", error.to_string())),
    }
}
