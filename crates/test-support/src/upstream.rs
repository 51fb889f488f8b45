//! A recording HTTP server: the API behind the mesh, as a test wants it to behave.

mod connection;
mod raw;
mod reply;
mod routes;

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

pub use raw::{RawUpstream, Then};
pub use reply::{Gate, Reply};
use routes::Routes;

use crate::{background::Background, wait::eventually};

/// An HTTP/1.1 server on a free port of the loopback interface that keeps every request it got.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use test_support::{Reply, Upstream};
/// let upstream = Upstream::start().await?;
/// upstream.on("GET", "/items/*", Reply::json(200, &serde_json::json!({"id": 1})));
/// // … call upstream.url() …
/// assert_eq!(upstream.requests()[0].path, "/items/1");
/// # Ok(()) }
/// ```
pub struct Upstream {
    url: String,
    shared: Arc<Shared>,
    _server: Background,
}

#[derive(Default)]
struct Shared {
    routes: Mutex<Routes>,
    requests: Mutex<Vec<Recorded>>,
}

/// A request as it arrived, body whole.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// In upper case, as sent.
    pub method: String,
    /// As sent (still percent-encoded), without the query.
    pub path: String,
    /// What followed the `?`, as sent.
    pub query: Option<String>,
    /// The headers as sent.
    pub headers: HeaderMap,
    /// The body as sent.
    pub body: Bytes,
}

impl Upstream {
    /// Starts it without routes: everything is answered 404.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let server = Background::serve(listener, {
            let shared = shared.clone();
            |listener| connection::accept(listener, shared)
        })?;
        Ok(Self {
            url,
            shared,
            _server: server,
        })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Answers `method` (`*` = any) on `path` (a `*` at the end = any rest) with `reply` from now on.
    /// The route that was added last wins.
    pub fn on(&self, method: &str, path: &str, reply: Reply) -> &Self {
        self.on_each(method, path, vec![reply])
    }

    /// Like [`Self::on`], one reply for each request in turn; the last one stays.
    pub fn on_each(&self, method: &str, path: &str, replies: Vec<Reply>) -> &Self {
        lock(&self.shared.routes).add(method, path, replies);
        self
    }

    /// Every request so far, also those that are still waiting for their answer.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.requests).clone()
    }

    /// The requests so far whose path is `path`.
    pub fn requests_to(&self, path: &str) -> Vec<Recorded> {
        self.requests()
            .into_iter()
            .filter(|request| request.path == path)
            .collect()
    }

    /// Waits until at least `count` requests have arrived and returns all of them.
    ///
    /// # Errors
    /// After `deadline`.
    pub async fn wait_for_requests(&self, count: usize, deadline: Duration) -> Result<Vec<Recorded>> {
        let probe = || async {
            let requests = self.requests();
            if requests.len() >= count {
                Ok(requests)
            } else {
                Err(format!("{} arrived", requests.len()))
            }
        };
        eventually(deadline, probe)
            .await
            .with_context(|| format!("{count} requests did not arrive"))
    }

    /// Forgets the requests so far; the routes stay.
    pub fn forget_requests(&self) {
        lock(&self.shared.requests).clear();
    }
}

impl Recorded {
    /// A header's first value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text, invalid bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// With the body, when it is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// The query decoded into pairs, in order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        let query = self.query.as_deref().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
