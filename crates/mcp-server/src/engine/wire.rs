//! Requests of a WebSocket connection that need nothing of the SDK: its `initialize`, its pings and the methods of the
//! mesh. They are observed like any other request.

use domain::Scope;
use rmcp::model::{InitializeRequestParams, InitializeResult, ProtocolVersion, RequestId, RequestMetaObject};
use rmcp::{ErrorData, ServerHandler};

use super::Engine;
use super::asked::Envelope;
use super::backend::Backend;
use super::caller::Caller;
use super::method::Method;
use super::observe::Operation;
use super::refusal;

/// Marks the `initialize` by which the SDK hears of a connection that has begun long ago.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replayed;

/// What is observed of a request.
pub(crate) struct Requested<'a> {
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// The method's name.
    pub(crate) endpoint: &'static str,
    /// The scope that it needs.
    pub(crate) scope: Option<Scope>,
    /// Its id.
    pub(crate) id: &'a RequestId,
    /// Its `_meta`: where its trace comes from.
    pub(crate) meta: &'a RequestMetaObject,
    /// The version of MCP that the connection agreed on.
    pub(crate) version: Option<ProtocolVersion>,
}

impl<B: Backend> Engine<B> {
    /// Agrees with a client on how to go on.
    pub(crate) async fn open(
        &self,
        caller: &Caller,
        id: &RequestId,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        let requested = Requested {
            caller,
            endpoint: Method::Initialize.as_str(),
            scope: None,
            id,
            meta: &RequestMetaObject::default(),
            version: None,
        };
        self.observed(requested, async { self.begin_session(request) })
            .await
    }

    /// The version that was agreed on with a client that began like this.
    pub(crate) fn version_for(&self, request: &InitializeRequestParams) -> ProtocolVersion {
        self.negotiate_initialize(request)
            .map_or(ProtocolVersion::V_2025_11_25, |result| result.protocol_version)
    }

    /// Runs a request under observation, if its caller may make it.
    pub(crate) async fn observed<T>(
        &self,
        requested: Requested<'_>,
        work: impl Future<Output = Result<T, ErrorData>>,
    ) -> Result<T, ErrorData> {
        let Requested {
            caller,
            endpoint,
            scope,
            id,
            meta,
            version,
        } = requested;
        let envelope = Envelope {
            id,
            meta,
            version,
            in_request: false,
        };
        let allowed = match scope {
            Some(scope) if !caller.principal.may(scope) => Err(refusal::forbidden(scope)),
            _ => Ok(()),
        };
        let operation = Operation::begin_named(&self.shared.metrics, endpoint, caller, &envelope);
        operation
            .run(async {
                allowed?;
                work.await
            })
            .await
    }
}
