//! HTTP listeners: bound first, then served until the service stops.
//!
//! Every connection has `TCP_NODELAY` (an event stream otherwise waits 40 ms on Nagle and delayed
//! acknowledgements), a time to send its headers in, bounded headers and a bounded number of streams.
//! On the soft stop no connection is accepted any more, idle ones are closed, busy ones finish their
//! requests; on the hard stop they are dropped.

mod config;
mod first_bytes;
#[cfg(test)]
mod tests;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::lifecycle::Lifecycle;

pub use config::{ListenConfig, TlsConfig};
pub use tls::install_crypto_provider;

use first_bytes::FirstBytes;

/// How long accepting pauses when the process is out of file descriptors, for some to come free.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// hyper's least buffer for the head of an HTTP/1 request, in bytes.
const MIN_HEADER_BYTES: u64 = 8_192;

/// Why a listener could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address cannot be bound: taken, not ours, or not an address.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address as configured.
        address: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A certificate or key file cannot be read, or holds none.
    #[error("cannot use {} for TLS: {message}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A limit that no server can work with.
    #[error("listener limit `{limit}` {message}")]
    Limit {
        /// The setting.
        limit: &'static str,
        /// What is wrong with it.
        message: String,
    },
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
    slots: Arc<Semaphore>,
    server: Server,
}

/// What each connection needs.
#[derive(Clone)]
struct Server {
    http: Arc<auto::Builder<TokioExecutor>>,
    tls: Option<TlsAcceptor>,
    header_read_timeout: Duration,
}

impl Listener {
    /// Checks the settings, reads the certificate, binds the address.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub async fn bind(config: &ListenConfig) -> Result<Self, ListenError> {
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let http = Arc::new(http_builder(config)?);
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
            slots: Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS))),
            server: Server {
                http,
                tls,
                header_read_timeout: config.header_read_timeout.get(),
            },
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

    /// Serves `app` until the soft stop; then its connections drain as tasks of the lifecycle. Handlers find
    /// the peer as `ConnectInfo<SocketAddr>`. Meant to be a part: `life.spawn("http", listener.serve(app, life))`.
    ///
    /// # Errors
    /// None today: what can go wrong with one connection ends only that one.
    pub async fn serve(self, app: Router, life: Lifecycle) -> Result<(), ListenError> {
        let stop = life.soft_stop();
        tracing::info!(address = %self.bound.addr, tls = self.bound.tls, "listening");
        while let Some((stream, peer, slot)) = stop.run_until_cancelled(self.accept()).await {
            let _ = stream.set_nodelay(true);
            let open = self.open.open();
            let served = self
                .server
                .clone()
                .serve_connection(stream, peer, app.clone(), life.clone());
            life.spawn_task(async move {
                served.await;
                drop((open, slot));
            });
        }
        Ok(())
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

impl Server {
    async fn serve_connection(self, stream: TcpStream, peer: SocketAddr, app: Router, life: Lifecycle) {
        let hard = life.hard_stop();
        let served = async {
            match &self.tls {
                None => self.serve_stream(stream, peer, app, &life).await,
                Some(acceptor) => {
                    let handshake = tokio::time::timeout(self.header_read_timeout, acceptor.accept(stream));
                    match handshake.await {
                        Ok(Ok(stream)) => self.serve_stream(stream, peer, app, &life).await,
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                        Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
                    }
                }
            }
        };
        hard.run_until_cancelled(served).await;
    }

    async fn serve_stream<S>(&self, stream: S, peer: SocketAddr, app: Router, life: &Lifecycle)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().oneshot(request)
        });
        let stream = TokioIo::new(FirstBytes::within(self.header_read_timeout, stream));
        let connection = self.http.serve_connection_with_upgrades(stream, service);
        tokio::pin!(connection);
        let stop = life.soft_stop();
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended early");
        }
    }
}

fn http_builder(config: &ListenConfig) -> Result<auto::Builder<TokioExecutor>, ListenError> {
    let header_bytes = u32::try_from(config.max_header_size.get()).ok();
    let header_bytes = header_bytes
        .filter(|bytes| u64::from(*bytes) >= MIN_HEADER_BYTES)
        .ok_or_else(|| {
            let message = format!("is {}, expected 8KiB to 4GiB", config.max_header_size);
            ListenError::Limit {
                limit: "max_header_size",
                message,
            }
        })?;
    if config.max_connections == 0 {
        let message = "is 0, expected at least 1".to_owned();
        return Err(ListenError::Limit {
            limit: "max_connections",
            message,
        });
    }
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .keep_alive(config.keep_alive)
        .header_read_timeout(config.header_read_timeout.get())
        .max_headers(config.max_headers)
        .max_buf_size(usize::try_from(header_bytes).unwrap_or(usize::MAX));
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(header_bytes)
        .max_concurrent_streams(config.max_streams_per_connection)
        .keep_alive_interval(config.ping_interval.get())
        .keep_alive_timeout(config.ping_timeout.get());
    Ok(http)
}
