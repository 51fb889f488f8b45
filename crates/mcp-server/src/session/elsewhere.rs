//! One session on several replicas: what a client says to one of them and another one waits for.
//!
//! A load balancer sends each request where it likes. So the answer to a server's question may arrive at a replica that
//! did not ask, a cancellation where the call does not run, and the stream on which a client listens may be held by a
//! replica that has nothing to say. What arrives is told to all replicas; each takes what is meant for it. A question
//! carries the name of the replica that asked in its id, so no answer reaches another one's question.

use futures::StreamExt;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, RequestId, ServerJsonRpcMessage, ServerNotification,
};
use rmcp::transport::streamable_http_server::session::ServerSseMessage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{OpenSession, SessionError, Sessions, log};

/// The channel on which replicas tell each other what was said in a session.
pub(super) const SAID: &str = "mcp:session:said";

/// Something that was said at one replica, for the others.
#[derive(Serialize, Deserialize)]
pub(super) struct Said {
    /// The replica that tells it.
    pub(super) from: String,
    pub(super) session: String,
    pub(super) what: What,
}

#[derive(Serialize, Deserialize)]
pub(super) enum What {
    /// The client's answer or notice.
    ByClient(Value),
    /// A notice for the stream that belongs to no request, and its event id.
    ToClient(String, Value),
}

/// The id of a question that `replica` asks, from rmcp's own number for it.
pub(super) fn asked_by(replica: &str, id: &RequestId) -> RequestId {
    RequestId::String(format!("{replica}:{id}").into())
}

/// rmcp's number in an id that `replica` gave; none for another replica's question.
fn own(replica: &str, id: &RequestId) -> Option<RequestId> {
    let RequestId::String(id) = id else { return None };
    let number = id.strip_prefix(replica)?.strip_prefix(':')?;
    number.parse().ok().map(RequestId::Number)
}

/// Whether this replica waits for the message; an answer to its question gets rmcp's number back.
fn take(replica: &str, message: &mut ClientJsonRpcMessage) -> bool {
    let id = match message {
        ClientJsonRpcMessage::Response(answer) => Some(&mut answer.id),
        ClientJsonRpcMessage::Error(answer) => answer.id.as_mut(),
        _ => return true,
    };
    let Some(id) = id else { return false };
    let number = own(replica, id);
    number.is_some_and(|number| {
        *id = number;
        true
    })
}

/// Whether another replica may need to hear it. A copy of the session elsewhere is initialized by itself.
fn concerns_others(message: &ClientJsonRpcMessage) -> bool {
    match message {
        ClientJsonRpcMessage::Notification(notice) => !matches!(
            notice.notification,
            ClientNotification::InitializedNotification(_)
        ),
        _ => true,
    }
}

/// Whether every replica says it by itself, because it follows the same catalogue.
pub(super) fn is_said_everywhere(message: &ServerJsonRpcMessage) -> bool {
    let ServerJsonRpcMessage::Notification(notice) = message else {
        return false;
    };
    matches!(
        notice.notification,
        ServerNotification::ToolListChangedNotification(_)
            | ServerNotification::PromptListChangedNotification(_)
            | ServerNotification::ResourceListChangedNotification(_)
            | ServerNotification::ResourceUpdatedNotification(_)
    )
}

impl Sessions {
    /// Hands what the client said to whoever waits for it: here, elsewhere, or both.
    pub(super) async fn hear(
        &self,
        session: &OpenSession,
        mut message: ClientJsonRpcMessage,
    ) -> Result<(), SessionError> {
        let text = concerns_others(&message)
            .then(|| serde_json::to_value(&message))
            .transpose()?;
        let is_answer = !matches!(message, ClientJsonRpcMessage::Notification(_));
        if take(&self.0.replica, &mut message) {
            session.handle.push_message(message, None).await?;
            if is_answer {
                return Ok(());
            }
        }
        if let Some(text) = text {
            let said = Said {
                from: self.0.replica.to_string(),
                session: session.id.to_string(),
                what: What::ByClient(text),
            };
            if let Err(error) = self.0.cache.publish(SAID, &serde_json::to_vec(&said)?).await {
                tracing::warn!(%error, session_id = &*session.id, "other replicas do not hear what the client said");
            }
        }
        Ok(())
    }

    /// Takes what was said at other replicas, until the cache is lost.
    pub(super) async fn follow_said(&self) -> Result<(), domain::ports::cache::CacheError> {
        let mut said = self.0.cache.listen(SAID).await?;
        while let Some(bytes) = said.next().await {
            match serde_json::from_slice::<Said>(&bytes) {
                Ok(said) if *said.from == *self.0.replica => {}
                Ok(said) => self.take_said(said).await,
                Err(error) => {
                    tracing::debug!(%error, "another replica said what this one does not understand")
                }
            }
        }
        Ok(())
    }

    async fn take_said(&self, said: Said) {
        let Some(session) = self.find(&said.session) else {
            return;
        };
        let taken = match said.what {
            What::ByClient(message) => self.take_from_client(&session, message).await,
            What::ToClient(id, message) => {
                session.deliver(id, message);
                Ok(())
            }
        };
        if let Err(error) = taken {
            tracing::debug!(%error, session_id = &*session.id, "the session ended meanwhile");
        }
    }

    async fn take_from_client(&self, session: &OpenSession, message: Value) -> Result<(), SessionError> {
        let mut message: ClientJsonRpcMessage = serde_json::from_value(message)?;
        if take(&self.0.replica, &mut message) {
            session.handle.push_message(message, None).await?;
        }
        Ok(())
    }
}

impl OpenSession {
    /// Hands a notice of another replica to the stream that is held here, if one is. A client that does not read misses
    /// it here and finds it in the log.
    fn deliver(&self, id: String, message: Value) {
        let stream = self
            .stream
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let (Some(stream), Some(message)) = (stream.as_ref(), log::parse_value(message)) {
            let _ = stream.try_send(ServerSseMessage::new(id, message));
        }
    }
}
