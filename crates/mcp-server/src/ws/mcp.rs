//! The methods of MCP, answered by the same engine as those of `/mcp`: rmcp serves a session over a pair of channels.
//!
//! Its service costs tens of kilobytes, and many agents only use methods of the mesh. So it begins with a client's first
//! request for it: then it is told once more what the client said when it began.

use std::sync::Arc;

use frames::wire::Ready;
use frames::{Class, Id, Kind};
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, GetExtensions, InitializeRequest,
    InitializedNotification, JsonRpcMessage, NumberOrString, RequestId, ServerJsonRpcMessage,
    ServerNotification,
};
use rmcp::transport::Transport;
use rmcp::{RoleServer, serve_server};
use runtime::lifecycle::Lifecycle;
use tokio::sync::mpsc;

use super::session::Session;
use crate::engine::{Backend, Caller, Engine, Replayed};

/// Messages on their way into a service.
const WAITING: usize = 16;

/// The id of the `initialize` that is said once more; its answer goes nowhere.
const REPLAYED: &str = "io.devmesh/replayed";

/// rmcp's end of the channels.
struct Link {
    session: Arc<Session>,
    messages: mpsc::Receiver<ClientJsonRpcMessage>,
}

/// What rmcp is told when a message cannot be sent; it never is.
#[derive(Debug, thiserror::Error)]
#[error("the connection is gone")]
pub(super) struct Gone;

/// Hands a message to the session's service, which begins with the first one.
pub(super) async fn hand_over<B: Backend>(
    engine: &Engine<B>,
    session: &Arc<Session>,
    caller: &Caller,
    life: &Lifecycle,
    message: ClientJsonRpcMessage,
) {
    let way = session
        .mcp
        .get_or_init(|| begin(engine.same_session(), session, caller, life));
    // The service is gone only when the session is.
    let _ = way.send(message).await;
}

fn begin<B: Backend>(
    engine: Engine<B>,
    session: &Arc<Session>,
    caller: &Caller,
    life: &Lifecycle,
) -> mpsc::Sender<ClientJsonRpcMessage> {
    let (way, messages) = mpsc::channel(WAITING);
    for message in beginning(session, caller) {
        // There is room: nothing has been sent yet.
        let _ = way.try_send(message);
    }
    let link = Link {
        session: Arc::clone(session),
        messages,
    };
    let ended = session.ended.clone();
    life.spawn_task(async move {
        match serve_server(engine, link).await {
            Ok(running) => {
                let stop = running.cancellation_token();
                let stopping = async {
                    ended.cancelled().await;
                    stop.cancel();
                };
                let _ = tokio::join!(stopping, running.waiting());
            }
            Err(error) => tracing::warn!(%error, "a session of MCP did not begin"),
        }
    });
    way
}

/// What the client said when it began.
fn beginning(session: &Session, caller: &Caller) -> Vec<ClientJsonRpcMessage> {
    let Some(client) = session.client.get() else {
        return Vec::new();
    };
    let mut request = ClientRequest::InitializeRequest(InitializeRequest::new(client.initialize.clone()));
    request.extensions_mut().insert(Replayed);
    request.extensions_mut().insert(caller.clone());
    let initialized = ClientNotification::InitializedNotification(InitializedNotification::default());
    vec![
        JsonRpcMessage::request(request, RequestId::String(REPLAYED.into())),
        JsonRpcMessage::notification(initialized),
    ]
}

impl Transport<RoleServer> for Link {
    type Error = Gone;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Gone>> + Send + 'static {
        let session = Arc::clone(&self.session);
        async move {
            deliver(&session, &message).await;
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        let ended = self.session.ended.clone();
        ended.run_until_cancelled(self.messages.recv()).await.flatten()
    }

    async fn close(&mut self) -> Result<(), Gone> {
        Ok(())
    }
}

async fn deliver(session: &Session, message: &ServerJsonRpcMessage) {
    let json = match serde_json::to_vec(message) {
        Ok(json) => json.into(),
        Err(error) => return tracing::error!(%error, "an answer cannot be written as JSON"),
    };
    let (kind, class) = kind(message);
    let ready = Ready {
        kind,
        method: 0,
        json,
    };
    match message {
        ServerJsonRpcMessage::Response(answer) => session.answer(&id(&answer.id), ready).await,
        ServerJsonRpcMessage::Error(answer) => match &answer.id {
            Some(of) => session.answer(&id(of), ready).await,
            None => session.deliver(class, ready).await,
        },
        _ => session.deliver(class, ready).await,
    }
}

/// How a message travels: news of a request under way may be missed, all else must be delivered.
fn kind(message: &ServerJsonRpcMessage) -> (Kind, Class) {
    match message {
        ServerJsonRpcMessage::Request(_) => (Kind::Request, Class::MustDeliver),
        ServerJsonRpcMessage::Response(_) => (Kind::Response, Class::MustDeliver),
        ServerJsonRpcMessage::Error(_) => (Kind::Error, Class::MustDeliver),
        ServerJsonRpcMessage::Notification(notice) => match &notice.notification {
            ServerNotification::ProgressNotification(_) => (Kind::Progress, Class::Droppable),
            ServerNotification::LoggingMessageNotification(_) => (Kind::Notification, Class::Droppable),
            _ => (Kind::Notification, Class::MustDeliver),
        },
    }
}

fn id(id: &RequestId) -> Id {
    match id {
        NumberOrString::Number(number) => Id::Number(*number),
        NumberOrString::String(text) => Id::Text(text.to_string()),
    }
}

/// An id as rmcp has it.
pub(super) fn rmcp_id(id: &Id) -> RequestId {
    match id {
        Id::Number(number) => RequestId::Number(*number),
        Id::Text(text) => RequestId::String(text.as_str().into()),
    }
}
