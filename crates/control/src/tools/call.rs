//! Asks for a tool call as a job.

use std::collections::BTreeMap;

use domain::job::ToolCallPayload;
use domain::ports::storage::Enqueued;
use domain::{Job, JobKind, KeyId, Principal, Priority, Scope, TenantId};
use serde_json::Value;

use crate::jobs::NewJob;
use crate::{Control, ControlError, require};

/// A call that is to run as a job.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// The tool's name.
    pub tool: String,
    /// Its arguments, an object. The worker validates them against the tool's schema before anything leaves.
    pub arguments: Value,
    /// The job's class.
    pub priority: Priority,
    /// A second call with the same key is the first one.
    pub idempotency_key: Option<String>,
    /// W3C trace context of the caller.
    pub trace: BTreeMap<String, String>,
}

impl Control {
    /// Stores the call as a job; it runs as soon as a worker is free. Answers the job, and whether it was there before
    /// under this idempotency key.
    ///
    /// # Errors
    /// Without `tools:call`; when there is no such tool; when the arguments are no object.
    pub async fn call_tool_as_job(
        &self,
        caller: &Principal,
        call: NewCall,
    ) -> Result<(Job, bool), ControlError> {
        require(caller, Scope::ToolsCall)?;
        self.enqueue_call(caller.tenant_id, Some(caller.key_id), call)
            .await
    }

    /// The same for a service that has checked the caller's scope itself. Answers the job, and whether it was there
    /// before under this idempotency key.
    ///
    /// # Errors
    /// When there is no such tool; when the arguments are no object; when the key was used for another call.
    pub async fn enqueue_call(
        &self,
        tenant_id: TenantId,
        requested_by: Option<KeyId>,
        call: NewCall,
    ) -> Result<(Job, bool), ControlError> {
        if !call.arguments.is_object() {
            return Err(ControlError::invalid("arguments", "an object"));
        }
        let tool = self.storage.providers.tool(tenant_id, &call.tool).await?;
        let payload = ToolCallPayload {
            tool: tool.name.clone(),
            arguments: call.arguments,
        };
        let job = self.new_job(NewJob {
            tenant_id,
            kind: JobKind::ToolCall,
            payload: serde_json::to_value(payload).map_err(ControlError::internal)?,
            effect: tool.annotations.effect(),
            priority: call.priority,
            idempotency_key: call.idempotency_key.map(|key| stored_key(requested_by, &key)),
            requested_by,
            trace: call.trace,
        });
        match self.storage.jobs.enqueue(tenant_id, &job).await? {
            Enqueued::New => Ok((job, false)),
            Enqueued::Existing(existing) if existing.payload == job.payload => Ok((*existing, true)),
            Enqueued::Existing(_) => Err(ControlError::invalid(
                "Idempotency-Key",
                "a key that was not used for another call",
            )),
        }
    }
}

/// A word of its own, so that a caller's key never meets a schedule's; and the caller, so that nobody is answered another
/// one's job.
fn stored_key(by: Option<KeyId>, key: &str) -> String {
    let by = by.map(|by| by.to_string()).unwrap_or_default();
    format!("call:{by}:{key}")
}
