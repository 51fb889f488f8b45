//! The way between rmcp's service and its worker: names our questions, and knows what is being answered.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, GetExtensions, RequestId, ServerJsonRpcMessage,
    ServerNotification,
};
use rmcp::transport::{
    Transport, WorkerTransport, streamable_http_server::session::local::LocalSessionWorker,
};

use super::elsewhere::asked_by;
use super::wishes::SharedWishes;

/// The requests of one session that this replica is answering. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<RequestId>>>);

impl InFlight {
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn heard(&self, message: &ClientJsonRpcMessage) {
        match message {
            ClientJsonRpcMessage::Request(request) => {
                self.lock().insert(request.id.clone());
            }
            ClientJsonRpcMessage::Notification(notice) => {
                // A cancelled request gets no answer.
                if let ClientNotification::CancelledNotification(cancelled) = &notice.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.end(id);
                }
            }
            _ => {}
        }
    }

    fn end(&self, id: &RequestId) {
        let mut requests = self.lock();
        requests.remove(id);
        if requests.is_empty() {
            requests.shrink_to_fit();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// rmcp's transport of one session.
pub struct SessionLink {
    inner: WorkerTransport<LocalSessionWorker>,
    replica: Arc<str>,
    in_flight: InFlight,
    wishes: SharedWishes,
}

impl SessionLink {
    pub(super) fn new(
        inner: WorkerTransport<LocalSessionWorker>,
        replica: Arc<str>,
        in_flight: InFlight,
        wishes: SharedWishes,
    ) -> Self {
        Self {
            inner,
            replica,
            in_flight,
            wishes,
        }
    }

    fn name(&self, message: &mut ServerJsonRpcMessage) {
        match message {
            ServerJsonRpcMessage::Request(request) => request.id = asked_by(&self.replica, &request.id),
            ServerJsonRpcMessage::Notification(notice) => {
                if let ServerNotification::CancelledNotification(cancelled) = &mut notice.notification
                    && let Some(id) = &mut cancelled.params.request_id
                {
                    *id = asked_by(&self.replica, id);
                }
            }
            ServerJsonRpcMessage::Response(answer) => self.in_flight.end(&answer.id),
            ServerJsonRpcMessage::Error(answer) => {
                if let Some(id) = &answer.id {
                    self.in_flight.end(id);
                }
            }
        }
    }
}

impl Transport<RoleServer> for SessionLink {
    type Error = <WorkerTransport<LocalSessionWorker> as Transport<RoleServer>>::Error;

    fn send(
        &mut self,
        mut message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.name(&mut message);
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        let mut message = self.inner.receive().await?;
        self.in_flight.heard(&message);
        // The engine is told with the first request which session it is for: before that nobody knows.
        if let ClientJsonRpcMessage::Request(request) = &mut message
            && matches!(request.request, ClientRequest::InitializeRequest(_))
        {
            request.request.extensions_mut().insert(self.wishes.clone());
        }
        Some(message)
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
