//! A `tools/call` as it came: through the SDK, or read by the transport itself.

use std::sync::Arc;

use rmcp::model::{ProtocolVersion, RequestId, RequestMetaObject};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::client::Client;
use super::session::SessionState;

/// Who asks for a call, and how.
pub(crate) struct Asked {
    pub(super) caller: Caller,
    pub(super) client: Client,
    pub(super) id: RequestId,
    pub(super) meta: RequestMetaObject,
    /// Cancelled when nobody waits for the answer any more.
    pub(super) given_up: CancellationToken,
    /// It did not come through the SDK.
    in_request: bool,
}

/// What is observed of a request besides its method and its caller.
pub(crate) struct Envelope<'a> {
    pub(super) id: &'a RequestId,
    pub(super) meta: &'a RequestMetaObject,
    pub(super) version: Option<ProtocolVersion>,
    /// It is answered in the HTTP request's own task, inside of that one's span.
    pub(super) in_request: bool,
}

impl<'a> From<&'a RequestContext<RoleServer>> for Envelope<'a> {
    fn from(context: &'a RequestContext<RoleServer>) -> Self {
        Self {
            id: &context.id,
            meta: &context.meta,
            version: context.protocol_version(),
            in_request: false,
        }
    }
}

impl Asked {
    /// A call that came through the SDK.
    ///
    /// # Errors
    /// When the transport left no caller, which is a bug of ours.
    pub(super) fn of(
        context: RequestContext<RoleServer>,
        session: &Arc<SessionState>,
    ) -> Result<Self, ErrorData> {
        Ok(Self {
            caller: Caller::of(&context.extensions)?,
            client: Client::new(&context, session),
            id: context.id,
            meta: context.meta,
            given_up: context.ct,
            in_request: false,
        })
    }

    /// A call of the stateless era whose answer is all that the client hears of it: it asked neither for progress nor
    /// for logs. None for any other.
    pub(crate) fn directly(caller: Caller, id: RequestId, meta: RequestMetaObject) -> Option<Self> {
        Some(Self {
            client: Client::without_peer(&meta)?,
            caller,
            id,
            meta,
            given_up: CancellationToken::new(),
            in_request: true,
        })
    }

    /// Cancel it when nobody waits for the answer any more.
    pub(crate) fn given_up(&self) -> CancellationToken {
        self.given_up.clone()
    }

    pub(super) fn envelope(&self) -> Envelope<'_> {
        Envelope {
            id: &self.id,
            meta: &self.meta,
            version: self.client.protocol_version().cloned(),
            in_request: self.in_request,
        }
    }
}
