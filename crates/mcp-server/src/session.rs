//! Sessions of the older eras (up to 2025-11-25), shared by all replicas through the cache.
//!
//! rmcp runs a session; what it leaves to us is here. A session belongs to the key that opened it: any other key is
//! told that there is no such session. It ends on every replica when it is closed: its entry in the cache is removed
//! and the others are told. It expires when nobody uses it. What the client missed while its stream was broken is
//! replayed from the cache ([`log`]). Any replica serves any of its requests; what one of them hears and another one
//! waits for is passed on ([`elsewhere`]). What a replica was answering when it was killed is lost; the client that comes
//! back for it is told so ([`origin`], [`presence`]).
//!
//! A session that is not used for a while has no worker any more: it costs its entry in the cache and no memory, and
//! gets a worker again at its next request.
//!
//! Without the cache, sessions go on where they are: another replica does not know them, and nothing is replayed.

mod elsewhere;
mod link;
mod log;
mod origin;
mod presence;
mod record;
mod sdk;
mod upkeep;
mod wishes;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::KeyId;
use domain::ports::Cache;
use rmcp::transport::streamable_http_server::session::ServerSseMessage;
use rmcp::transport::streamable_http_server::session::local::LocalSessionHandle;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

pub use sdk::SessionError;
pub(crate) use wishes::{SharedWishes, Wishes};

/// How long a session that was found open in the cache is taken for open without asking again. The notice of its end
/// usually comes much sooner; this bounds what a lost notice costs.
const RECHECK: Duration = Duration::from_secs(1);

/// How sessions live and die.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// Whether clients of the older eras get a session. Default true; without sessions they get no notices, and a
    /// server cannot ask them anything.
    pub enabled: bool,
    /// A session that nobody uses is gone after this time. Default 30m; an open stream counts as use.
    pub idle: runtime::config::Duration,
    /// How long a replica keeps the worker of a session that nobody uses, if its entry is in the cache. Default 1m: what a
    /// client does in one go then finds its worker, and those that went away cost memory no longer.
    pub resident: runtime::config::Duration,
    /// How long a client may take to come back for what it missed. Default 5m: answers wait in the cache meanwhile.
    pub replay: runtime::config::Duration,
    /// Most events of one stream that are kept for it. Default 256.
    pub replay_events: usize,
    /// How long a replica that answers requests of sessions is taken to be there after it last said so. Default 10s: a
    /// client that comes back for an answer of a killed replica is told within half as long again that there will be none,
    /// and no replica that is only slow is taken for dead.
    pub presence: runtime::config::Duration,
    /// Most sessions with a worker on one replica. Default 2000, about 200 megabytes: a worker's channels take 100
    /// kilobytes. Beyond it those that were idle the longest lose their worker; they get another one when they are used
    /// again.
    pub max: usize,
    /// When a client should try again after a broken stream. Default 3s.
    pub retry: runtime::config::Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        use runtime::config::Duration;
        Self {
            enabled: true,
            idle: Duration::from_mins(30),
            resident: Duration::from_mins(1),
            replay: Duration::from_mins(5),
            replay_events: 256,
            presence: Duration::from_secs(10),
            max: 2_000,
            retry: Duration::from_secs(3),
        }
    }
}

/// The sessions of this replica. Cheap to clone.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    cache: Arc<dyn Cache>,
    config: SessionConfig,
    /// What other replicas know this one by.
    replica: Arc<str>,
    open: Mutex<HashMap<Arc<str>, Arc<OpenSession>>>,
}

/// A session that has a worker on this replica.
struct OpenSession {
    id: Arc<str>,
    owner: KeyId,
    /// The way to rmcp's worker.
    handle: LocalSessionHandle,
    log: log::EventLog,
    /// When it was last known to be open.
    verified: Mutex<Instant>,
    /// Streams that the client holds open.
    streams: AtomicUsize,
    /// What this replica is answering.
    in_flight: link::InFlight,
    /// Where notices of other replicas go: the stream that belongs to no request, if it is held here.
    stream: Mutex<Option<mpsc::Sender<ServerSseMessage>>>,
}

impl Sessions {
    /// Sessions that are shared through `cache`.
    #[must_use]
    pub fn new(cache: Arc<dyn Cache>, config: SessionConfig) -> Self {
        Self(Arc::new(Inner {
            cache,
            config,
            replica: Uuid::new_v4().simple().to_string().into(),
            open: Mutex::default(),
        }))
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.0.config
    }

    /// Whether `key` may use the session `id`: it exists, is open, and the key opened it. Using it keeps it open.
    pub async fn admits(&self, id: &str, key: KeyId) -> bool {
        if Uuid::parse_str(id).is_err() {
            return false;
        }
        match self.find(id) {
            Some(session) => session.owner == key && self.is_still_open(&session).await,
            None => self.is_open_elsewhere(id, key).await,
        }
    }

    /// Ends every session of this key on this replica, because the key is gone. Others do the same by themselves.
    pub async fn end_all_of(&self, key: KeyId) {
        let ended: Vec<_> = self
            .lock()
            .values()
            .filter(|session| session.owner == key)
            .cloned()
            .collect();
        for session in ended {
            self.forget(&session.id).await;
            if let Err(error) = self.0.cache.remove(&record::key(&session.id)).await {
                tracing::warn!(%error, session_id = &*session.id, "session of a revoked key stays in the cache until it expires");
            }
        }
    }

    /// How many sessions have a worker on this replica.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the cache has the session, and the key opened it.
    async fn is_open_elsewhere(&self, id: &str, key: KeyId) -> bool {
        match self.load(id).await {
            Ok(Some(record)) if record.owner == key => self
                .0
                .cache
                .expire(&record::key(id), self.0.config.idle.get())
                .await
                .unwrap_or(false),
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(%error, "a session may be open elsewhere, but the cache does not answer");
                false
            }
        }
    }

    /// Asks the cache, but not more often than once in [`RECHECK`]. A cache that does not answer changes nothing.
    async fn is_still_open(&self, session: &OpenSession) -> bool {
        if session.verified().elapsed() < RECHECK.min(self.0.config.idle.get() / 4) {
            return true;
        }
        match self
            .0
            .cache
            .expire(&record::key(&session.id), self.0.config.idle.get())
            .await
        {
            Ok(true) => session.verify(),
            Ok(false) => {
                self.forget(&session.id).await;
                return false;
            }
            Err(error) => tracing::warn!(%error, "sessions are not shared: the cache does not answer"),
        }
        true
    }

    fn find(&self, id: &str) -> Option<Arc<OpenSession>> {
        self.lock().get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<OpenSession>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenSession {
    fn verify(&self) {
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn verified(&self) -> Instant {
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds_streams(&self) -> bool {
        self.streams.load(Ordering::Relaxed) > 0
    }

    /// Whether nothing is lost when its worker goes.
    fn is_quiet(&self) -> bool {
        !self.holds_streams() && self.in_flight.is_empty()
    }
}
