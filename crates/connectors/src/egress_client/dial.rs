//! How a connection is made: names resolve only to addresses that the guard admits, TLS where the URL says so, all of it
//! within a time.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{BoxError, Service};

use crate::guard::Guard;

/// An upstream that went away without a word is noticed: asked on a connection that rests so long, so often, and given up
/// when what was sent is not acknowledged for so long.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

type Dialling<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// The name has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve")]
pub(crate) struct Unresolved(#[source] std::io::Error);

/// No connection in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection in time")]
pub(crate) struct TooSlow;

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Dial {
    connector: HttpsConnector<HttpConnector<Resolver>>,
    limit: Duration,
}

impl Dial {
    /// To hosts at this port, each connection within `limit`, TLS included.
    pub(super) fn new(guard: Arc<Guard>, port: u16, tls: Arc<rustls::ClientConfig>, limit: Duration) -> Self {
        let mut http = HttpConnector::new_with_resolver(Resolver { guard, port });
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(limit));
        http.set_keepalive(Some(KEEPALIVE));
        http.set_keepalive_interval(Some(KEEPALIVE));
        http.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(target_os = "linux")]
        http.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        Self {
            connector: HttpsConnector::from((http, tls)),
            limit,
        }
    }
}

impl Service<Uri> for Dial {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Dialling<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.connector.call(to));
        Box::pin(async move { connecting.await.unwrap_or_else(|_| Err(TooSlow.into())) })
    }
}

/// Resolves names and hands out only the addresses that the guard admits.
#[derive(Clone)]
struct Resolver {
    guard: Arc<Guard>,
    port: u16,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Dialling<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (guard, port) = (Arc::clone(&self.guard), self.port);
        Box::pin(async move {
            let resolved = tokio::net::lookup_host((name.as_str(), port)).await;
            let resolved = resolved.map_err(Unresolved)?;
            let admitted = guard.admit(name.as_str(), port, resolved.map(|address| address.ip()))?;
            Ok(admitted.into_iter())
        })
    }
}
