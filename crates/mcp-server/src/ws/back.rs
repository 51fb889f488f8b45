//! Coming back to a session: here, or from another replica.

use std::sync::Arc;

use rmcp::ErrorData;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::ask::Asked;
use super::config::bytes;
use super::connection::Talk;
use super::dispatch::ready;
use super::resume::CAPABILITY;
use super::session::{Client, Connection, Session};
use crate::engine::{Backend, refusal};

/// What a client shows that comes back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    token: String,
    /// The last number that it processed.
    last: u64,
}

/// A session that was found.
enum Found {
    Here(Arc<Session>),
    Elsewhere(Arc<Session>, Option<u64>),
}

impl<B: Backend> Talk<B> {
    /// The token by which a client that asked for it may come back; none while the cache is away.
    pub(super) async fn can_be_resumed(&self, session: &Arc<Session>) -> Option<String> {
        let client = session.client.get()?;
        let wishes = client.initialize.capabilities.experimental.as_ref();
        wishes.filter(|wishes| wishes.contains_key(CAPABILITY))?;
        let (log, token) = self.shared.shelf.begin(&session.id);
        let saved = log.save(
            session.principal.key_id,
            &client.initialize,
            session.agent_type(),
            None,
        );
        if let Err(error) = saved.await {
            tracing::warn!(%error, "a connection cannot be resumed: the cache does not answer");
            return None;
        }
        let _ = session.log.set(log);
        Some(token)
    }

    /// What a client is told of its connection.
    pub(super) fn about(&self, session: &Session, token: Option<String>) -> Value {
        match token {
            Some(token) => json!({
                "id": &*session.id,
                "resumeToken": token,
                "resumeWithinMs": self.shared.shelf.keep().as_millis() as u64,
            }),
            None => json!({ "id": &*session.id }),
        }
    }

    /// Answers `resume` and sends what was missed behind the answer; answers itself, or with what is wrong.
    pub(super) async fn resume(
        &mut self,
        session: &Arc<Session>,
        asked: &Asked,
    ) -> Option<Result<Value, ErrorData>> {
        match self.come_back(session, asked).await {
            Ok(()) => None,
            Err(error) => Some(Err(error)),
        }
    }

    async fn come_back(&mut self, begun: &Arc<Session>, asked: &Asked) -> Result<(), ErrorData> {
        let params = asked.params.clone().unwrap_or_default();
        let back: Back = serde_json::from_value(params)
            .map_err(|error| ErrorData::invalid_params(format!("params of resume: {error}"), None))?;
        let (found, received) = match self.find(begun, &back.token).await? {
            Found::Here(session) => {
                let received = Some(session.received());
                (session, received)
            }
            Found::Elsewhere(session, received) => {
                // Before it is attached: what another replica adds meanwhile is told to those that are known.
                self.shared.connections.add(&session);
                (session, received)
            }
        };
        let attached = self.attach(&found, &back, received, asked).await;
        if attached.is_err() && !found.is_attached() {
            self.shared.connections.remove(&found.id);
        }
        attached?;
        // The request was one of the session that this connection began with, and no longer has.
        begun.detach();
        self.is_back(&found).await;
        Ok(())
    }

    async fn attach(
        &self,
        found: &Session,
        back: &Back,
        received: Option<u64>,
        asked: &Asked,
    ) -> Result<(), ErrorData> {
        let answer = |count: usize| {
            let result = json!({ "id": &*found.id, "received": received, "replayed": count });
            ready(&asked.id, Ok(result))
        };
        let attached = found.attach(&self.socket, back.last, answer).await;
        let attached = attached.map_err(|error| {
            tracing::warn!(%error, "a connection cannot be resumed now");
            ErrorData::internal_error("what you missed cannot be read now: try again", None)
        })?;
        let Err((from, to)) = attached else {
            return Ok(());
        };
        let message = format!("resume: the messages {from} to {to} are kept no longer: begin again");
        let data = json!({ "from": from, "to": to });
        Err(ErrorData::new(refusal::SESSION_NOT_FOUND, message, Some(data)))
    }

    async fn is_back(&mut self, session: &Arc<Session>) {
        session.save(None).await;
        if let Some(known) = &mut self.known {
            known.session = Arc::clone(session);
        }
        for watcher in self.shared.methods.watchers() {
            watcher.resumed(&Connection(Arc::clone(session))).await;
        }
    }

    /// The session of a token, if it is the caller's.
    async fn find(&self, begun: &Session, token: &str) -> Result<Found, ErrorData> {
        let unknown = || {
            let message = "resume: no such connection, or it is kept no longer: begin again";
            ErrorData::new(refusal::SESSION_NOT_FOUND, message, None)
        };
        let (id, secret) = token.split_once('.').ok_or_else(unknown)?;
        if uuid::Uuid::parse_str(id).is_err() {
            return Err(unknown());
        }
        let key = begun.principal.key_id;
        if let Some(Connection(session)) = self.shared.connections.find(id) {
            let is_its_own = session.log.get().is_some_and(|log| log.admits(secret));
            return match is_its_own && session.principal.key_id == key {
                true => Ok(Found::Here(session)),
                false => Err(unknown()),
            };
        }
        let found = self.shared.shelf.find(id, secret).await.map_err(|error| {
            tracing::warn!(%error, "a connection may be known elsewhere, but the cache does not answer");
            ErrorData::internal_error("connections cannot be resumed now: try again", None)
        })?;
        let (log, record) = found
            .filter(|(_, record)| record.owner == key)
            .ok_or_else(unknown)?;
        let received = self.shared.shelf.take_over(id, record.received).await;
        let session = Session::new(
            id.into(),
            Arc::clone(&begun.principal),
            self.shared.gate.hold(key),
            received.unwrap_or(0),
            bytes(self.shared.config.max_message),
        );
        let version = self.engine.version_for(&record.initialize);
        let _ = session.client.set(Client {
            initialize: record.initialize,
            version,
        });
        session.known_as(&record.agent_type);
        let _ = session.log.set(log);
        Ok(Found::Elsewhere(Arc::new(session), received))
    }

    /// Lets the client of this connection come back to its session for a while.
    pub(super) async fn park(&self, session: &Arc<Session>) {
        if !session.detach_from(&self.socket) && !session.went_elsewhere() {
            // Its client is back already.
            return;
        }
        session.let_go().await;
        let times = session.attachments();
        let (shared, session) = (Arc::clone(&self.shared), Arc::clone(session));
        let stop = shared.life.soft_stop();
        shared.life.clone().spawn_task(async move {
            let waiting = tokio::time::sleep(shared.shelf.keep());
            tokio::select! {
                () = waiting => {}
                // What it asked for goes on; only then is there nothing left to wait for here.
                () = session.is_quiet(), if session.went_elsewhere() => {}
                () = stop.cancelled() => {}
            }
            if session.attachments() != times {
                return;
            }
            session.is_quiet().await;
            session.ended.cancel();
            if session.went_elsewhere() {
                return;
            }
            shared.connections.remove(&session.id);
            tell_closed(&shared, &session).await;
        });
    }
}

/// Nobody comes back to the session.
pub(super) async fn forget<B: Backend>(shared: &Shared<B>, session: &Arc<Session>) {
    shared.connections.remove(&session.id);
    if let Some(log) = session.log.get()
        && let Err(error) = log.forget().await
    {
        tracing::debug!(%error, "what waited for a client stays in the cache until it expires");
    }
    tell_closed(shared, session).await;
}

async fn tell_closed<B: Backend>(shared: &Shared<B>, session: &Arc<Session>) {
    if session.client.get().is_some() {
        for watcher in shared.methods.watchers() {
            watcher.closed(&Connection(Arc::clone(session))).await;
        }
    }
}
