//! `tools/call`: from the caller's words to its answer, with one closing line and one audit record for each.

use std::sync::Arc;
use std::time::Duration;

use domain::{CallErrorKind, RecordId};
use proto::v1::AuditRecord;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, MetaObject,
};
use sha2::{Digest, Sha256};
use telemetry::propagation;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Engine;
use super::asked::Asked;
use super::backend::{Answer, Backend, Refusal, ToolCall};
use super::caller::Caller;
use super::dialogue::Dialogue;
use super::method::Method;
use super::observe::{Ending, Operation};
use super::refusal;

/// Keys of `_meta` in answers: what to quote when asking for help.
const META_REQUEST_ID: &str = "io.devmesh/request-id";
const META_TRACE_ID: &str = "io.devmesh/trace-id";
/// Key of a request's `_meta`: `true` asks for the call to run as a task.
const META_ASYNC: &str = "io.devmesh/async";
/// What a cancelled call gets to end by itself, so that its outcome is known.
const GRACE: Duration = Duration::from_secs(1);

/// What the audit record says of the arguments, without showing them.
pub(super) struct Arguments {
    bytes: u64,
    /// SHA-256 of their JSON text; all zero when there are none.
    pub(super) digest: [u8; 32],
}

impl Arguments {
    pub(super) fn of(arguments: Option<&JsonObject>) -> Self {
        let Some(arguments) = arguments else {
            return Self {
                bytes: 0,
                digest: [0; 32],
            };
        };
        let text = serde_json::to_vec(arguments).unwrap_or_default();
        Self {
            bytes: text.len() as u64,
            digest: Sha256::digest(&text).into(),
        }
    }

    /// The digest as the record has it; empty when there were none.
    fn sha256(&self) -> String {
        if self.bytes == 0 {
            return String::new();
        }
        // `hex::encode` goes character by character, which costs as much as the digest.
        let mut text = vec![0; 2 * self.digest.len()];
        hex::encode_to_slice(self.digest, &mut text)
            .ok()
            .and_then(|()| String::from_utf8(text).ok())
            .unwrap_or_default()
    }
}

type Ended = (Result<CallToolResponse, ErrorData>, Ending, CallFacts);

/// What else the audit record says.
#[derive(Default)]
struct CallFacts {
    response_bytes: u64,
    job_id: String,
}

/// A tool's name as it is recorded. Real names have at most 64 characters; an invented one may have megabytes.
pub(super) fn recorded(name: &str) -> String {
    match name.len() {
        ..=domain::tool::MAX_NAME => name.to_owned(),
        _ => name.chars().take(domain::tool::MAX_NAME).collect(),
    }
}

impl<B: Backend> Engine<B> {
    pub(super) async fn tools_call(
        &self,
        request: CallToolRequestParams,
        asked: Asked,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = &asked.caller;
        let request = self.shared.backend.meant(caller, request);
        let name = request.name.to_string();
        let arguments = Arguments::of(request.arguments.as_ref());
        let known = self.shared.backend.has_tool(caller, &name);
        let operation = Operation::begin_call(&self.shared.metrics, &name, known, caller, &asked.envelope());
        let span = operation.span().clone();
        if let Err(why) = self.shared.audit.admit() {
            return Ok(unrecorded(&why, operation, caller));
        }
        let (result, ending, facts) = self
            .run_call(request, &asked, &arguments.digest)
            .instrument(span.clone())
            .await;
        let trace_id = propagation::trace_id(&span).unwrap_or_default();
        let record = AuditRecord {
            tool: recorded(&name),
            duration_ms: (operation.seconds() * 1_000.0) as u64,
            trace_id: trace_id.clone(),
            request_bytes: arguments.bytes,
            arguments_sha256: arguments.sha256(),
            response_bytes: facts.response_bytes,
            job_id: facts.job_id,
            ..self.record(Method::CallTool, caller, &ending)
        };
        self.shared.audit.record(record).instrument(span).await;
        operation.end(&ending);
        result.map(|response| signed(response, caller, &trace_id))
    }

    async fn run_call(&self, request: CallToolRequestParams, asked: &Asked, digest: &[u8]) -> Ended {
        match self.try_call(request, asked, digest).await {
            Ok(answer) => {
                let job_id = answer.job_id.map(|id| id.to_string()).unwrap_or_default();
                let facts = CallFacts {
                    response_bytes: answer.response_bytes,
                    job_id,
                };
                (
                    Ok(answer.response),
                    Ending::answered(answer.error, answer.provider),
                    facts,
                )
            }
            Err((error, ending)) => (Err(error), ending, CallFacts::default()),
        }
    }

    async fn try_call(
        &self,
        request: CallToolRequestParams,
        asked: &Asked,
        digest: &[u8],
    ) -> Result<Answer, (ErrorData, Ending)> {
        let caller = &asked.caller;
        let refused = |error: ErrorData| {
            let ending = Ending::refused(&error);
            (error, ending)
        };
        let method = self.shared.backend.amounts_to(caller, &request.name);
        caller.may(method).map_err(refused)?;
        let Ok(_place) = self.shared.places.try_acquire() else {
            return Ok(failed(
                CallErrorKind::Unavailable,
                "the mesh is busy: try again in a moment",
            ));
        };
        let name = request.name.to_string();
        let arguments = request.arguments.unwrap_or_default();
        let binding = binding(caller, Method::CallTool, &name, digest);
        let state = request.request_state.as_deref();
        let codec = &self.shared.codec;
        let dialogue = Dialogue::open(
            asked.client.clone(),
            codec,
            &binding,
            request.input_responses,
            state,
        )
        .map_err(refused)?;
        let dialogue = Arc::new(dialogue);
        let task_asked = asked.meta.get(META_ASYNC).is_some_and(|value| value == true);
        let cancel = CancellationToken::new();
        let call = ToolCall {
            caller,
            dialogue: &dialogue,
            name: &name,
            arguments,
            task_asked,
            cancel: cancel.clone(),
        };
        let ended = self
            .watched(
                self.shared.backend.call_tool(call),
                &asked.given_up,
                caller,
                &cancel,
            )
            .await;
        match (dialogue.input_required(codec, &binding).map_err(refused)?, ended) {
            (Some(questions), _) => Ok(Answer::of(questions)),
            (None, Ok(answer)) => Ok(answer),
            (None, Err(Refusal::UnknownTool)) => {
                let error = refusal::unknown_tool(&name);
                let ending = Ending::unknown_tool(&error);
                Err((error, ending))
            }
            (None, Err(Refusal::Rpc(error))) => Err(refused(error)),
        }
    }

    /// Runs the call, and tells it to stop when nobody waits for it any more or its time is up.
    async fn watched(
        &self,
        call: impl Future<Output = Result<Answer, Refusal>>,
        given_up: &CancellationToken,
        caller: &Caller,
        cancel: &CancellationToken,
    ) -> Result<Answer, Refusal> {
        tokio::pin!(call);
        let why = tokio::select! {
            ended = &mut call => return ended,
            () = given_up.cancelled() => failed(CallErrorKind::Cancelled, "the call was cancelled"),
            () = caller.gone.cancelled() => failed(CallErrorKind::Cancelled, "the key is no longer valid"),
            () = self.shared.stop.cancelled() => failed(CallErrorKind::Unavailable, "the mesh is stopping: try again"),
            () = tokio::time::sleep(self.shared.config.call_timeout.get()) =>
                failed(CallErrorKind::Timeout, "the call took longer than the mesh allows"),
        };
        cancel.cancel();
        tokio::time::timeout(GRACE, call).await.unwrap_or(Ok(why))
    }

    /// The fields of an audit record that every action has.
    pub(super) fn record(&self, action: Method, caller: &Caller, ending: &Ending) -> AuditRecord {
        AuditRecord {
            id: RecordId::generate().to_string(),
            at_ms: self.shared.clock.now().timestamp_millis(),
            tenant_id: caller.principal.tenant_id.to_string(),
            key_id: caller.principal.key_id.to_string(),
            service: "mcp-server".to_owned(),
            action: action.as_str().to_owned(),
            provider: ending.provider.clone().unwrap_or_default(),
            outcome: ending.outcome().to_owned(),
            status: ending.status.into(),
            request_id: caller.request_id.to_string(),
            ..AuditRecord::default()
        }
    }
}

/// A call that was refused because nobody could tell afterwards that it happened; the refusal leaves no record either.
fn unrecorded(why: &str, operation: Operation, caller: &Caller) -> CallToolResponse {
    let span = operation.span().clone();
    span.in_scope(|| tracing::warn!(error = why, "call_refused_without_audit"));
    let answer = failed(
        CallErrorKind::Unavailable,
        "the mesh cannot record this call in its audit log now, so it did not make it: try again later",
    );
    operation.end(&Ending::answered(answer.error, None));
    let trace_id = propagation::trace_id(&span).unwrap_or_default();
    signed(answer.response, caller, &trace_id)
}

/// A failure as the model reads it.
fn failed(kind: CallErrorKind, message: &str) -> Answer {
    let result = CallToolResult::error(vec![ContentBlock::text(message)]);
    Answer {
        error: Some(kind),
        ..Answer::of(result)
    }
}

/// What a `requestState` is bound to: nobody else's key, and no other request, can use it. `digest` is the arguments'.
pub(super) fn binding(caller: &Caller, method: Method, name: &str, digest: &[u8]) -> Vec<u8> {
    [
        caller.principal.key_id.0.as_bytes().as_slice(),
        method.as_str().as_bytes(),
        b"\0",
        name.as_bytes(),
        b"\0",
        digest,
    ]
    .concat()
}

/// Adds the request id and the trace id, by which an answer is found in logs and traces.
fn signed(mut response: CallToolResponse, caller: &Caller, trace_id: &str) -> CallToolResponse {
    let meta = match &mut response {
        CallToolResponse::Complete(result) => &mut result.meta,
        CallToolResponse::Task(result) => &mut result.meta,
        _ => return response,
    };
    let meta = meta.get_or_insert_with(MetaObject::new);
    meta.insert(META_REQUEST_ID.to_owned(), caller.request_id.as_ref().into());
    if !trace_id.is_empty() {
        meta.insert(META_TRACE_ID.to_owned(), trace_id.into());
    }
    response
}
