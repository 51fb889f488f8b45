//! A stream of server-sent events that stays open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use test_support::eventually;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Messages as they come, until dropped.
pub struct Stream {
    heard: Arc<Mutex<Heard>>,
    ended: watch::Receiver<bool>,
    _tasks: JoinSet<()>,
}

/// What came so far.
#[derive(Default)]
struct Heard {
    messages: Vec<Value>,
    ids: Vec<String>,
    retry: Option<Duration>,
}

impl Stream {
    pub(crate) async fn open(
        method: &str,
        url: &str,
        headers: Vec<(String, String)>,
        body: String,
    ) -> Result<Self> {
        let url = url::Url::parse(url)?;
        let authority = url.authority().to_owned();
        let socket = TcpStream::connect(&authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(connection.await) });
        let mut request = http::Request::builder()
            .method(method)
            .uri(url.path().to_owned() + &url.query().map(|query| format!("?{query}")).unwrap_or_default())
            .header("host", authority);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = sender
            .send_request(request.body(Full::new(Bytes::from(body)))?)
            .await?;
        let status = answer.status();
        ensure!(status.is_success(), "{url}: {status}");
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let (end, ended) = watch::channel(false);
        let into = Arc::clone(&heard);
        tasks.spawn(async move {
            read(answer.into_body(), &into).await;
            end.send_replace(true);
        });
        Ok(Self {
            heard,
            ended,
            _tasks: tasks,
        })
    }

    /// Everything that came so far.
    pub fn messages(&self) -> Vec<Value> {
        lock(&self.heard).messages.clone()
    }

    /// The ids of the events that came so far.
    pub fn event_ids(&self) -> Vec<String> {
        lock(&self.heard).ids.clone()
    }

    /// How long to wait before coming back, as the server last said (`retry:`).
    pub fn retry(&self) -> Option<Duration> {
        lock(&self.heard).retry
    }

    /// Waits for a message of this method.
    ///
    /// # Errors
    /// After `deadline`, with what came instead.
    pub async fn wait_for(&self, method: &str, deadline: Duration) -> Result<Value> {
        let probe = || async {
            let messages = self.messages();
            let found = messages
                .iter()
                .find(|message| message["method"] == method)
                .cloned();
            found.with_context(|| format!("no {method} among {messages:?}"))
        };
        eventually(deadline, probe).await
    }

    /// Waits until it is closed, however long that takes.
    pub async fn ended(&self) {
        // Its sender is gone only when this is dropped.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// Waits until the server has closed it.
    ///
    /// # Errors
    /// After `deadline`.
    pub async fn closed(&self, deadline: Duration) -> Result<()> {
        let ended = tokio::time::timeout(deadline, self.ended()).await;
        ended.context("the stream is still open")
    }
}

async fn read(mut body: Incoming, heard: &Mutex<Heard>) {
    let mut rest = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let mut heard = lock(heard);
            if let Some(id) = line.strip_prefix("id:") {
                heard.ids.push(id.trim().to_owned());
            }
            if let Some(wait) = line.strip_prefix("retry:") {
                heard.retry = wait.trim().parse().ok().map(Duration::from_millis);
            }
            heard.messages.extend(message(&line));
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The message of a `data:` line; events of the mesh have one each.
pub(super) fn message(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()
}
