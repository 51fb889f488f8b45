//! Tasks (extension `io.modelcontextprotocol/tasks`, SEP-2663) are jobs of the control plane: stored before the client
//! hears of them, run by a worker, there for whoever started them.

use std::time::Duration;

use domain::job::{JobError, ToolCallPayload};
use domain::{
    CallErrorKind, CallOutcome, Effect, Job, JobId, JobKind, JobState, Priority, Provider, Tool as MeshTool,
};
use proto::v1::EnqueueRequest;
use rmcp::ErrorData;
use rmcp::model::{CreateTaskResult, DetailedTask, JsonObject, Task, TaskPayload};
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{Mesh, answers};
use crate::engine::backend::{Answer, Refusal, ToolCall};
use crate::engine::caller::Caller;
use crate::engine::config::TasksConfig;
use crate::engine::refusal;

/// What a job's error says when it was cancelled.
const CANCELLED: &str = "cancelled";

/// Pauses between two questions to a rest-api that went away in the middle of the first: 1.5 s in all, what another replica
/// takes to answer; a client waits as long for any call.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_millis(800);

impl Mesh {
    /// Makes the call a job; the answer is the task that it is.
    pub(super) async fn enqueue(
        &self,
        call: &ToolCall<'_>,
        tool: &MeshTool,
        provider: &Provider,
    ) -> Result<Answer, Refusal> {
        let principal = &call.caller.principal;
        let arguments = Value::Object(call.arguments.clone());
        let payload = ToolCallPayload {
            tool: tool.name.clone(),
            arguments,
        };
        let request = EnqueueRequest {
            tenant_id: principal.tenant_id.to_string(),
            kind: JobKind::ToolCall.as_str().to_owned(),
            payload_json: serde_json::to_vec(&payload).map_err(internal)?.into(),
            effect: effect(tool.annotations.effect()).to_owned(),
            priority: Priority::High.as_str().to_owned(),
            idempotency_key: JobId::generate().to_string(),
            requested_by: principal.key_id.to_string(),
        };
        let job = match self.enqueued(&request).await {
            Ok(job) => job,
            Err(status) => return refused(&status, provider),
        };
        let created = CreateTaskResult::new(task(&job, &self.config.tasks));
        Ok(Answer {
            provider: Some(provider.name.clone()),
            job_id: Some(job.id),
            ..Answer::of(created)
        })
    }

    /// Asks again where the connection broke: the job may be there, and the same idempotency key names it.
    async fn enqueued(&self, request: &EnqueueRequest) -> Result<Job, Status> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.control_plane.enqueue(request.clone()).await {
                Err(status) if is_broken(&status) && pause <= LAST_PAUSE => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                answer => return answer,
            }
        }
    }

    /// The job behind a task, if this very key started it.
    pub(super) async fn job_of(&self, caller: &Caller, id: &str) -> Result<Job, ErrorData> {
        let unknown = || refusal::unknown_task(id);
        let job: JobId = id.parse().map_err(|_| unknown())?;
        let job = self
            .control_plane
            .job(caller.principal.tenant_id, job, Duration::ZERO)
            .await;
        let job = job.map_err(|status| match status.code() {
            Code::NotFound | Code::InvalidArgument => unknown(),
            _ => unavailable(&status),
        })?;
        let is_callers = job.requested_by == Some(caller.principal.key_id) && job.kind == JobKind::ToolCall;
        is_callers.then_some(job).ok_or_else(unknown)
    }

    /// Cancels a task that has not begun. One that has goes on: a write under way is never cut off by us.
    pub(super) async fn cancel_job(&self, caller: &Caller, id: &str) -> Result<(), ErrorData> {
        let job = self.job_of(caller, id).await?;
        match self.control_plane.cancel(job.tenant_id, job.id).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::FailedPrecondition => Ok(()),
            Err(status) => Err(unavailable(&status)),
        }
    }
}

/// A job as `tasks/get` answers it.
pub(super) fn detailed(job: &Job, config: &TasksConfig) -> DetailedTask {
    DetailedTask::new(task(job, config), payload(job))
}

fn task(job: &Job, config: &TasksConfig) -> Task {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let task = Task::new(
        job.id.to_string(),
        payload(job).status(),
        time(job.created_at),
        time(job.updated_at),
    )
    .with_ttl_ms(millis(config.ttl.get()))
    .with_poll_interval_ms(millis(config.poll_interval.get()));
    match job.state {
        JobState::Pending => task.with_status_message("waits for a worker"),
        JobState::Running => task.with_status_message(format!("attempt {} is running", job.attempt)),
        JobState::Done | JobState::Failed | JobState::InDoubt => task,
    }
}

fn payload(job: &Job) -> TaskPayload {
    match (job.state, &job.result, &job.error) {
        (JobState::Pending | JobState::Running, _, _) => TaskPayload::Working,
        (JobState::Done, Some(result), _) => completed(result),
        (_, _, Some(error)) if error.kind == CANCELLED => TaskPayload::Cancelled,
        (JobState::Failed, _, Some(error)) if is_call_error(error) => told(error),
        (state, _, error) => TaskPayload::Failed {
            error: failure(state, error.as_ref()),
        },
    }
}

fn completed(result: &Value) -> TaskPayload {
    match serde_json::from_value::<CallOutcome>(result.clone()) {
        Ok(outcome) => TaskPayload::Completed {
            result: object(&answers::result(outcome)),
        },
        Err(error) => {
            tracing::error!(%error, "the result of a tool call cannot be read");
            TaskPayload::Failed {
                error: failure(JobState::Failed, None),
            }
        }
    }
}

/// A failure of the call itself is a result that the model reads (SEP-2663: `completed` with `isError`).
fn told(error: &JobError) -> TaskPayload {
    let kind = call_error(error).unwrap_or(CallErrorKind::Internal);
    TaskPayload::Completed {
        result: object(&answers::result(CallOutcome::failed(kind, error.message.clone()))),
    }
}

fn is_call_error(error: &JobError) -> bool {
    call_error(error).is_some_and(|kind| kind != CallErrorKind::Internal)
}

fn call_error(error: &JobError) -> Option<CallErrorKind> {
    serde_json::from_value(Value::String(error.kind.clone())).ok()
}

fn failure(state: JobState, error: Option<&JobError>) -> JsonObject {
    let message = error.map_or("the call failed inside the mesh", |error| error.message.as_str());
    let data = json!({ "state": state.as_str(), "kind": error.map(|error| error.kind.as_str()) });
    object(&ErrorData::internal_error(message.to_owned(), Some(data)))
}

fn object(value: &impl serde::Serialize) -> JsonObject {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => JsonObject::new(),
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Idempotent => "idempotent",
        Effect::Write => "write",
    }
}

/// Whether the connection broke before there was an answer (gRPC, "Status codes and their use": tonic says `UNKNOWN` or
/// `CANCELLED` for a connection that ends, `UNAVAILABLE` for one that cannot be made).
fn is_broken(status: &Status) -> bool {
    matches!(status.code(), Code::Unknown | Code::Cancelled | Code::Unavailable)
}

/// What the control plane refuses with a reason is told; what it cannot do now is a failure that may pass.
fn refused(status: &Status, provider: &Provider) -> Result<Answer, Refusal> {
    let kind = match status.code() {
        Code::InvalidArgument => CallErrorKind::InvalidArguments,
        Code::ResourceExhausted => CallErrorKind::RateLimited,
        Code::DeadlineExceeded => CallErrorKind::Unavailable,
        _ if is_broken(status) => CallErrorKind::Unavailable,
        _ => {
            tracing::error!(code = %status.code(), message = status.message(), "the call could not become a job");
            return Ok(answers::answer(
                CallOutcome::failed(CallErrorKind::Internal, "the call could not become a task"),
                provider,
            ));
        }
    };
    let message = match kind {
        CallErrorKind::Unavailable => "tasks cannot be started just now: try again",
        _ => status.message(),
    };
    Ok(answers::answer(CallOutcome::failed(kind, message), provider))
}

fn unavailable(status: &Status) -> ErrorData {
    tracing::warn!(code = %status.code(), message = status.message(), "the control plane did not answer for a task");
    ErrorData::internal_error("tasks cannot be read just now: try again", None)
}

fn internal(error: serde_json::Error) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

#[cfg(test)]
mod tests;
