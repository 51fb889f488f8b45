//! HTTP listeners: bound first, then served until the service stops.
//!
//! Every connection has `TCP_NODELAY` (an event stream otherwise waits 40 ms on Nagle and delayed
//! acknowledgements), a time to send its headers in, bounded headers and a bounded number of streams.
//! On the soft stop no connection is accepted any more, idle ones are closed, busy ones finish their
//! requests; on the hard stop they are dropped.

mod config;
mod connection;
mod first_bytes;
#[cfg(test)]
mod tests;
mod unread;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use telemetry::Telemetry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lifecycle::Lifecycle;

pub use config::{ClientCertificates, ListenConfig, TlsConfig};

use crate::tls::{CertificateMetrics, ServerTls, TlsFileError};
use connection::Server;

/// How long accepting pauses when the process is out of file descriptors, for some to come free.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Why a listener could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address cannot be bound: taken, not ours, or not an address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address as configured.
        address: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file of certificates or keys does not fit.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// A limit that no server can work with.
    #[error("listener limit `{limit}` {message}")]
    Limit {
        /// The setting.
        limit: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

impl ListenError {
    /// Whether the settings are at fault, so that trying again will not help.
    #[must_use]
    pub fn is_of_the_settings(&self) -> bool {
        match self {
            Self::Bind { source, .. } => source.kind() == io::ErrorKind::InvalidInput,
            Self::Tls(_) | Self::Limit { .. } => true,
        }
    }

    /// The same, where the listener's settings are in this section.
    #[must_use]
    pub fn in_section(self, section: &str) -> Self {
        match self {
            Self::Tls(error) => Self::Tls(error.in_section(section)),
            other => other,
        }
    }
}

/// Where a listener really listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The address; the port is the real one where 0 was asked for.
    pub addr: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl Bound {
    /// `http://address` or `https://address`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.addr)
    }
}

/// The number of open connections of a listener, live. Clones read the same number.
#[derive(Clone, Debug, Default)]
pub struct OpenConnections(Arc<AtomicUsize>);

impl OpenConnections {
    /// How many are open now.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn open(&self) -> OpenConnection {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(&self.0))
    }
}

struct OpenConnection(Arc<AtomicUsize>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A bound listener that does not serve yet.
pub struct Listener {
    socket: TcpListener,
    bound: Bound,
    open: OpenConnections,
    telemetry: Option<Telemetry>,
    slots: Arc<Semaphore>,
    tls: Option<Arc<ServerTls>>,
    server: Server,
}

impl Listener {
    /// Checks the settings, reads the certificate, binds the address.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub async fn bind(config: &ListenConfig) -> Result<Self, ListenError> {
        let tls = config.tls.as_ref().map(ServerTls::read).transpose()?;
        let server = Server::new(config, tls.clone())?;
        let cannot_bind = |source| ListenError::Bind {
            address: config.address.clone(),
            source,
        };
        let socket = TcpListener::bind(&config.address).await.map_err(cannot_bind)?;
        let addr = socket.local_addr().map_err(cannot_bind)?;
        Ok(Self {
            socket,
            bound: Bound {
                addr,
                tls: tls.is_some(),
            },
            open: OpenConnections::default(),
            telemetry: None,
            slots: Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS))),
            tls,
            server,
        })
    }

    /// Where it listens.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// The live number of its connections, for a gauge.
    pub fn open_connections(&self) -> OpenConnections {
        self.open.clone()
    }

    /// Shows when its certificate ends in `tls_certificate_expiry_timestamp_seconds`, and whose certificates it refuses, by
    /// the listener's name.
    #[must_use]
    pub fn named(self, name: &str, telemetry: &Telemetry) -> Self {
        if let Some(tls) = &self.tls {
            tls.shown(name, CertificateMetrics::new(telemetry));
        }
        self
    }

    /// Shows its connections in `http_connections_active`.
    #[must_use]
    pub fn counted_by(mut self, telemetry: &Telemetry) -> Self {
        self.telemetry = Some(telemetry.clone());
        self
    }

    /// Serves `app` until the soft stop; then its connections drain as tasks of the lifecycle. Handlers find
    /// the peer as `ConnectInfo<SocketAddr>`. Meant to be a part: `life.spawn("http", listener.serve(app, life))`.
    ///
    /// # Errors
    /// None today: what can go wrong with one connection ends only that one.
    pub async fn serve(self, app: Router, life: Lifecycle) -> Result<(), ListenError> {
        tracing::info!(address = %self.bound.addr, tls = self.bound.tls, "listening");
        let stop = life.soft_stop();
        let follow = async {
            match &self.tls {
                Some(tls) => tls.follow().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.accept_all(&app, &life) => {}
            () = follow => {}
        }
        Ok(())
    }

    /// Starts a task for each connection, for as long as it is polled.
    async fn accept_all(&self, app: &Router, life: &Lifecycle) {
        loop {
            let (stream, peer, slot) = self.accept().await;
            // A stream that cannot be set up is broken and says so when it is read.
            let _ = stream.set_nodelay(true);
            let open = (
                self.open.open(),
                self.telemetry.as_ref().map(Telemetry::connection_opened),
            );
            let served = self
                .server
                .clone()
                .serve_connection(stream, peer, app.clone(), life.clone());
            life.spawn_task(async move {
                served.await;
                drop((open, slot));
            });
        }
    }

    /// The next connection for which there is a slot.
    async fn accept(&self) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => return (stream, peer, slot),
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, address = %self.bound.addr, "cannot accept connections, pausing");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
