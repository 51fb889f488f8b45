//! rmcp's view of our sessions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::KeyId;
use futures::stream::{Stream, StreamExt};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionConfig as RmcpConfig, SessionError as WorkerError,
};
use rmcp::transport::streamable_http_server::session::{
    EventStore, EventStoreError, RestoreOutcome, ServerSseMessage, SessionId, SessionManager,
};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::link::{InFlight, SessionLink};
use super::log::EventLog;
use super::origin::Origin;
use super::{OpenSession, Sessions, SharedWishes};
use crate::engine::caller::CALLER;

/// Why a session could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It has no worker here (any more).
    #[error("no such session")]
    Unknown,
    /// The request has no authenticated caller: a bug of ours.
    #[error("the session would belong to nobody")]
    NoOwner,
    /// Its worker could not be started.
    #[error(transparent)]
    Start(#[from] LocalSessionManagerError),
    /// Its worker failed, or has ended.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// What was said cannot be passed on: a bug of ours.
    #[error("a message cannot be written or read: {0}")]
    Message(#[from] serde_json::Error),
    /// What the client missed cannot be read.
    #[error("the session's events cannot be read: {0}")]
    Events(EventStoreError),
}

/// Notices of other replicas that wait for a client that reads slowly. The rest it finds when it comes back.
const WAITING: usize = 64;

impl Sessions {
    /// A worker for the session, new or known from the cache, with an event log of its own. rmcp's manager makes it and
    /// is dropped: it would give all its sessions one log.
    async fn start(&self, id: SessionId, owner: KeyId) -> Result<SessionLink, SessionError> {
        self.make_room().await;
        let log = EventLog::new(Arc::clone(&self.0.cache), &id, &self.0.config, &self.0.replica);
        let mut maker = LocalSessionManager::default().with_event_store(Arc::new(log.clone()));
        let mut config = RmcpConfig::default();
        config.keep_alive = Some(self.0.config.idle.get());
        config.sse_retry = Some(self.0.config.retry.get());
        maker.session_config = config;
        let RestoreOutcome::Restored(transport) = maker.restore_session(Arc::clone(&id)).await? else {
            return Err(SessionError::Unknown);
        };
        let handle = maker
            .sessions
            .read()
            .await
            .get(&id)
            .cloned()
            .ok_or(SessionError::Unknown)?;
        let (verified, streams) = (Mutex::new(Instant::now()), AtomicUsize::new(0));
        let in_flight = InFlight::default();
        let session = OpenSession {
            id: Arc::clone(&id),
            owner,
            handle,
            log,
            verified,
            streams,
            in_flight: in_flight.clone(),
            stream: Mutex::default(),
        };
        self.lock().insert(Arc::clone(&id), Arc::new(session));
        Ok(SessionLink::new(
            transport,
            Arc::clone(&self.0.replica),
            in_flight,
            SharedWishes::new(self.clone(), id),
        ))
    }

    /// Takes the workers of the sessions that were idle the longest, if there are as many as there may be: some at a time,
    /// so that not every new session looks for one. Their entries in the cache stay, so they go on when used again.
    async fn make_room(&self) {
        let max = self.0.config.max.max(1);
        let idle: Vec<_> = {
            let open = self.lock();
            if open.len() < max {
                return;
            }
            let mut quiet: Vec<_> = open.values().filter(|session| session.is_quiet()).collect();
            quiet.sort_by_key(|session| session.verified());
            let some = quiet.into_iter().take(max / 32 + 1);
            some.map(|session| Arc::clone(&session.id)).collect()
        };
        tracing::info!(
            put_away = idle.len(),
            "too many sessions here: those that were idle the longest are put away"
        );
        for id in idle {
            self.forget(&id).await;
        }
    }

    /// Ends the session's worker on this replica, and its streams with it.
    pub(super) async fn forget(&self, id: &str) {
        let session = self.lock().remove(id);
        let Some(session) = session else { return };
        session.log.close();
        if let Err(error) = session.handle.close().await {
            tracing::debug!(%error, session_id = id, "session had ended already");
        }
    }

    fn known(&self, id: &SessionId) -> Result<Arc<OpenSession>, SessionError> {
        self.find(id).ok_or(SessionError::Unknown)
    }
}

/// Adds the origin to the id of an event.
fn mark(id: &mut String, origin: &Origin) {
    if let Some((stream, number)) = id.rsplit_once('_') {
        *id = format!("{}_{number}", origin.marked(stream));
    }
}

/// The key that the request in this task was authenticated with.
fn owner() -> Result<KeyId, SessionError> {
    CALLER
        .try_with(|caller| caller.principal.key_id)
        .map_err(|_| SessionError::NoOwner)
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = SessionLink;

    async fn create_session(&self) -> Result<(SessionId, SessionLink), SessionError> {
        let id: SessionId = Uuid::new_v4().to_string().into();
        let transport = self.start(Arc::clone(&id), owner()?).await?;
        Ok((id, transport))
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<SessionLink>, SessionError> {
        if self.find(&id).is_some() {
            return Ok(RestoreOutcome::AlreadyPresent);
        }
        // Only the owner's requests come this far: the transport asked `admits` first.
        Ok(RestoreOutcome::Restored(self.start(id, owner()?).await?))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionError> {
        Ok(self.known(id)?.handle.initialize(message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionError> {
        Ok(self.find(id).is_some())
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), SessionError> {
        self.forget(id).await;
        Ok(())
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        let session = self.known(id)?;
        let origin = Origin::of(&self.0.replica, &message);
        let receiver = session.handle.establish_request_wise_channel().await?;
        session
            .handle
            .push_message(message, receiver.http_request_id)
            .await?;
        let events = ReceiverStream::new(receiver.inner).map(move |mut event| {
            if let (Some(origin), Some(id)) = (&origin, &mut event.event_id) {
                mark(id, origin);
            }
            event
        });
        Ok(counted(session, events))
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), SessionError> {
        let session = self.known(id)?;
        self.hear(&session, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        let session = self.known(id)?;
        let receiver = session.handle.establish_common_channel().await?;
        let (sender, elsewhere) = mpsc::channel(WAITING);
        *session.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        // It would not end with the session: the session holds its sender.
        let elsewhere = ReceiverStream::new(elsewhere).take_until(session.log.closed().cancelled_owned());
        let both = futures::stream::select(ReceiverStream::new(receiver.inner), elsewhere);
        Ok(counted(session, both))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        let session = self.known(id)?;
        let stream = session
            .log
            .replay_events_after(&last_event_id)
            .await
            .map_err(SessionError::Events)?;
        Ok(counted(session, stream))
    }
}

/// One open stream of a session, until it is dropped: an open stream keeps its session alive.
struct Held(Arc<OpenSession>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The stream, counted among the session's open ones.
fn counted<S>(
    session: Arc<OpenSession>,
    stream: S,
) -> impl Stream<Item = ServerSseMessage> + Send + Sync + 'static
where
    S: Stream<Item = ServerSseMessage> + Send + Sync + 'static,
{
    session.streams.fetch_add(1, Ordering::Relaxed);
    let held = Held(session);
    stream.map(move |event| {
        let _held = &held;
        event
    })
}
