//! One connection that is made when it is needed and made again when it is lost.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::ports::QueueError;
use lapin::{
    Channel, Connection, ConnectionProperties, runtime::default_runtime, tcp::OwnedTLSConfig, uri::AMQPUri,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep_until, timeout_at},
};
use tracing::{info, warn};

use super::{bounded, unavailable};
use crate::QueueOptions;

/// The wait after a first failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Seconds between heartbeats where the URL does not say: a peer that is silent for twice as long is gone.
const HEARTBEAT: u16 = 10;

/// A connection that reconnects.
pub(super) struct Link {
    uri: AMQPUri,
    authorities: Option<PathBuf>,
    name: &'static str,
    state: Mutex<State>,
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    failures: u32,
    /// No attempt before this instant, so that a broker that is away is not hammered.
    not_before: Option<Instant>,
    /// Why the last attempt failed.
    reason: String,
}

impl State {
    fn live(&self) -> Option<&Arc<Connection>> {
        self.connection
            .as_ref()
            .filter(|connection| connection.status().connected())
    }

    fn failed(&mut self, error: &QueueError) {
        let wait = FIRST_WAIT
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(Instant::now() + wait);
        self.reason = error.to_string();
    }
}

impl Link {
    /// A link that is not connected yet. `name` shows in the broker's list of connections.
    pub(super) fn new(mut uri: AMQPUri, name: &'static str, options: &QueueOptions) -> Self {
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        uri.query
            .connection_timeout
            .get_or_insert(u64::try_from(options.timeout.as_millis()).unwrap_or(u64::MAX));
        Self {
            uri,
            authorities: options.authorities.clone(),
            name,
            state: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// A fresh channel on the connection, which is made first if it is not there.
    pub(super) async fn channel(&self, deadline: Instant) -> Result<Channel, QueueError> {
        let connection = self.connection(deadline).await?;
        let channel = bounded(deadline, "opening a channel", connection.create_channel()).await;
        if channel.is_err() {
            self.forget(&connection).await;
        }
        channel
    }

    /// Whether the broker answers.
    pub(super) async fn ping(&self, deadline: Instant) -> Result<(), QueueError> {
        let channel = self.channel(deadline).await?;
        bounded(deadline, "closing a channel", channel.close(200, "OK".into())).await
    }

    /// Whether there is a connection now.
    pub(super) async fn is_connected(&self) -> bool {
        self.state.lock().await.live().is_some()
    }

    /// Ends the connection for good; every later operation fails.
    pub(super) async fn close(&self, deadline: Instant) {
        self.closed.store(true, Ordering::Release);
        let Ok(mut state) = self.lock(deadline).await else {
            return;
        };
        let Some(connection) = state
            .connection
            .take()
            .filter(|connection| connection.status().connected())
        else {
            return;
        };
        if let Err(error) = bounded(deadline, "closing", connection.close(200, "OK".into())).await {
            warn!(%error, "the connection to the message broker did not close in order");
        }
    }

    /// The connection, which is made first if it is not there.
    pub(super) async fn connection(&self, deadline: Instant) -> Result<Arc<Connection>, QueueError> {
        let mut state = self.lock(deadline).await?;
        loop {
            if self.closed.load(Ordering::Acquire) {
                return Err(unavailable("the queue is closed"));
            }
            if let Some(connection) = state.live() {
                return Ok(Arc::clone(connection));
            }
            if let Some(not_before) = state.not_before.filter(|instant| *instant > Instant::now()) {
                if not_before >= deadline {
                    return Err(unavailable(format!(
                        "next attempt to connect later; {}",
                        state.reason
                    )));
                }
                sleep_until(not_before).await;
            }
            self.attempt(&mut state, deadline).await;
        }
    }

    /// Tries once, and notes in `state` how it went.
    async fn attempt(&self, state: &mut State, deadline: Instant) {
        match bounded(deadline, "connecting", self.connect())
            .await
            .map_err(whom_to_trust)
        {
            Ok(connection) => {
                info!(
                    connection = self.name,
                    failures = state.failures,
                    "connected to the message broker"
                );
                *state = State {
                    connection: Some(Arc::new(connection)),
                    ..State::default()
                };
            }
            Err(error) => {
                warn!(connection = self.name, failures = state.failures, %error, "no connection to the message broker");
                state.failed(&error);
            }
        }
    }

    async fn connect(&self) -> lapin::Result<Connection> {
        let properties = ConnectionProperties::default().with_connection_name(self.name.into());
        let mut tls = OwnedTLSConfig::default();
        if let Some(path) = &self.authorities {
            let read = tokio::fs::read_to_string(path).await;
            let named = |error| io::Error::other(format!("queue.ca_file: {}: {error}", path.display()));
            tls.cert_chain = Some(read.map_err(named)?);
        }
        Connection::connect_uri_with_config(self.uri.clone(), properties, tls, default_runtime()?).await
    }

    /// Lets go of a connection that does not answer, so that the next caller makes another.
    async fn forget(&self, connection: &Arc<Connection>) {
        let mut state = self.state.lock().await;
        if state
            .connection
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, connection))
        {
            state.connection = None;
        }
    }

    async fn lock(&self, deadline: Instant) -> Result<MutexGuard<'_, State>, QueueError> {
        timeout_at(deadline, self.state.lock())
            .await
            .map_err(|_| unavailable("still connecting for someone else"))
    }
}

/// A certificate that is not trusted is a matter of one setting.
fn whom_to_trust(error: QueueError) -> QueueError {
    match error {
        QueueError::Unavailable(reason) if reason.contains("invalid peer certificate") => {
            unavailable(reason + "; `queue.ca_file` names the authorities to trust besides the public ones")
        }
        other => other,
    }
}
