//! What the methods of MCP have in common.

use rmcp::model::{Extensions, InitializeRequestParams, InitializeResult};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, Peer, RoleServer, ServerHandler};

use super::Engine;
use super::backend::Backend;
use super::caller::Caller;
use super::method::Method;
use super::observe::Operation;

impl<B: Backend> Engine<B> {
    /// Runs a request that only needs its caller, under observation.
    pub(super) async fn answer<T, F: Future<Output = Result<T, ErrorData>>>(
        &self,
        method: Method,
        context: &RequestContext<RoleServer>,
        work: impl FnOnce(Caller) -> F,
    ) -> Result<T, ErrorData> {
        let caller = Caller::of(&context.extensions)?;
        let operation = Operation::begin(&self.shared.metrics, method, &caller, &context.into());
        let allowed = caller.may(method);
        operation
            .run(async {
                allowed?;
                work(caller).await
            })
            .await
    }

    /// Agrees on a version and counts the session. A session that comes from another replica begins here too, but
    /// nobody asked for that.
    pub(super) fn begin_session(
        &self,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        let result = self.negotiate_initialize(request)?;
        self.session
            .count(&self.shared.metrics, result.protocol_version.as_str());
        Ok(result)
    }

    /// Lets the session hear of changes from its beginning. Not from `notifications/initialized` on: that one may go to
    /// another replica, and nothing is sent before the client opens a stream for it.
    pub(super) fn hear_changes(&self, extensions: &Extensions, peer: &Peer<RoleServer>) {
        if let Ok(caller) = Caller::of(extensions) {
            let tenant = caller.principal.tenant_id;
            let listening = self.shared.listeners.session(tenant, peer.clone(), &self.session);
            self.session.listen(listening);
        }
    }

    pub(super) fn list_ttl_ms(&self) -> u64 {
        u64::try_from(self.shared.config.list_ttl.get().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn offers_subscriptions(&self) -> bool {
        self.get_info()
            .capabilities
            .resources
            .is_some_and(|resources| resources.subscribe == Some(true))
    }
}
