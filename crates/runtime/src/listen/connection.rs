//! One connection: handshake, protocol, requests, and its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::first_bytes::FirstBytes;
use super::unread::lend;
use super::{ListenConfig, ListenError};
use crate::lifecycle::Lifecycle;
use crate::tls::ServerTls;

/// hyper's least buffer for the head of an HTTP/1 request, in bytes.
const MIN_HEADER_BYTES: u64 = 8_192;

/// What each connection needs.
#[derive(Clone)]
pub(super) struct Server {
    http: Arc<auto::Builder<TokioExecutor>>,
    tls: Option<Arc<ServerTls>>,
    header_read_timeout: Duration,
    client_grace: Duration,
}

impl Server {
    /// What the settings ask for.
    pub(super) fn new(config: &ListenConfig, tls: Option<Arc<ServerTls>>) -> Result<Self, ListenError> {
        let http = Arc::new(http_builder(config)?);
        Ok(Self {
            http,
            tls,
            client_grace: config
                .tls
                .as_ref()
                .map_or(Duration::ZERO, |tls| tls.client_grace.get()),
            header_read_timeout: config.header_read_timeout.get(),
        })
    }

    /// Serves one connection until its client leaves or the life's stop ends it.
    pub(super) async fn serve_connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        app: Router,
        life: Lifecycle,
    ) {
        let hard = life.hard_stop();
        let served = async {
            match &self.tls {
                None => {
                    let served = self.serve_stream(stream, peer, app, &life, std::future::pending());
                    // On the heap: what a handler needs of the stack in a debug build is much.
                    Box::pin(served).await;
                }
                Some(tls) => Box::pin(self.serve_secured(tls, stream, peer, app, &life)).await,
            }
        };
        hard.run_until_cancelled(served).await;
    }

    async fn serve_secured(
        &self,
        tls: &ServerTls,
        stream: TcpStream,
        peer: SocketAddr,
        app: Router,
        life: &Lifecycle,
    ) {
        match tokio::time::timeout(self.header_read_timeout, tls.accept(stream, peer)).await {
            Ok(Some(stream)) => {
                let distrusted = tls.distrusted(&stream);
                Box::pin(self.serve_stream(stream, peer, app, life, distrusted)).await;
            }
            Ok(None) => {}
            Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
        }
    }

    async fn serve_stream<S>(
        &self,
        stream: S,
        peer: SocketAddr,
        app: Router,
        life: &Lifecycle,
        distrusted: impl Future<Output = rustls::Error>,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let (request, lender) = lend(request);
            let answer = app.clone().oneshot(request);
            async move {
                let answer = answer.await;
                lender.read_rest().await;
                answer
            }
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
            error = distrusted => {
                tracing::warn!(%peer, %error, "a client's certificate is no longer good; its connection ends");
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(self.client_grace, connection).await.unwrap_or(Ok(()))
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
