//! Requests that are refused before the engine sees them: headers that do not fit the body, a session that is not there,
//! what is no JSON-RPC. They are counted and told like any other refusal, and a call leaves its record.

use domain::CallErrorKind;
use proto::v1::AuditRecord;
use rmcp::model::{RequestId, RequestMetaObject};

use super::Engine;
use super::asked::Envelope;
use super::backend::Backend;
use super::call::recorded;
use super::caller::Caller;
use super::method::Method;
use super::observe::{Ending, Operation};

/// What is known of such a request.
pub(crate) struct Unreached {
    /// The method that it was for.
    pub(crate) method: Method,
    /// Its id, if it had one.
    pub(crate) id: Option<RequestId>,
    /// The tool of a call, as it was sent.
    pub(crate) name: Option<String>,
    /// The HTTP status that fits the refusal.
    pub(crate) status: u16,
}

impl<B: Backend> Engine<B> {
    /// Takes down a request that was refused before it came here.
    pub(crate) async fn note(&self, caller: &Caller, refused: Unreached) {
        let Unreached {
            method,
            id,
            name,
            status,
        } = refused;
        let id = id.unwrap_or_else(|| RequestId::String("".into()));
        let meta = RequestMetaObject::default();
        let envelope = Envelope {
            id: &id,
            meta: &meta,
            version: None,
            in_request: true,
        };
        let ending = Ending {
            error: Some(kind(status)),
            status,
            ..Ending::default()
        };
        let name = name.unwrap_or_default();
        let metrics = &self.shared.metrics;
        let operation = if method == Method::CallTool {
            let known = self.shared.backend.has_tool(caller, &name);
            let record = AuditRecord {
                tool: recorded(&name),
                ..self.record(method, caller, &ending)
            };
            self.shared.audit.record(record).await;
            Operation::begin_call(metrics, &recorded(&name), known, caller, &envelope)
        } else {
            Operation::begin(metrics, method, caller, &envelope)
        };
        operation.end(&ending);
    }
}

fn kind(status: u16) -> CallErrorKind {
    match status {
        403 => CallErrorKind::Forbidden,
        500.. => CallErrorKind::Internal,
        _ => CallErrorKind::InvalidArguments,
    }
}
