//! Counts connections, and turns Nagle's algorithm off on each.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::HttpMetrics;
use crate::metrics::GaugeGuard;
use crate::telemetry::Telemetry;

/// A listener for `axum::serve` whose connections are counted in `http_connections_active` and have `TCP_NODELAY`
/// (without it a server-sent event waits for the last one's acknowledgement, 40 ms).
pub struct CountedListener {
    listener: TcpListener,
    metrics: HttpMetrics,
}

impl CountedListener {
    /// Wraps a bound listener.
    #[must_use]
    pub fn new(listener: TcpListener, telemetry: &Telemetry) -> Self {
        CountedListener {
            listener,
            metrics: telemetry.http_metrics().clone(),
        }
    }
}

impl Telemetry {
    /// Counts a connection in `http_connections_active` while the guard lives: for servers with an accept loop of their own.
    #[must_use]
    pub fn connection_opened(&self) -> GaugeGuard {
        self.http_metrics().connections.hold()
    }
}

impl Telemetry {
    /// Counts a stream in `http_streams_active` while the guard lives: for connections that have left HTTP (WebSocket).
    #[must_use]
    pub fn stream_opened(&self, path: &'static str) -> GaugeGuard {
        self.http_metrics().streams.with([path]).hold()
    }
}

impl Listener for CountedListener {
    type Io = Counted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Counted, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "cannot set TCP_NODELAY");
        }
        (
            Counted {
                stream,
                _open: self.metrics.connections.hold(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that is counted while it is open.
pub struct Counted {
    stream: TcpStream,
    _open: GaugeGuard,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
