//! A stream of server-sent events that stays open.

use std::sync::{Arc, Mutex, PoisonError};
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
use tokio::task::JoinSet;

/// Messages as they come, until dropped.
pub struct Stream {
    messages: Arc<Mutex<Vec<Value>>>,
    ids: Arc<Mutex<Vec<String>>>,
    ended: Arc<Mutex<bool>>,
    _tasks: JoinSet<()>,
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
        let (messages, ids, ended) = (Arc::default(), Arc::default(), Arc::default());
        tasks.spawn(read(
            answer.into_body(),
            Arc::clone(&messages),
            Arc::clone(&ids),
            Arc::clone(&ended),
        ));
        Ok(Self {
            messages,
            ids,
            ended,
            _tasks: tasks,
        })
    }

    /// Everything that came so far.
    pub fn messages(&self) -> Vec<Value> {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The ids of the events that came so far.
    pub fn event_ids(&self) -> Vec<String> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Waits until the server has closed it.
    ///
    /// # Errors
    /// After `deadline`.
    pub async fn closed(&self, deadline: Duration) -> Result<()> {
        let ended = || async { *self.ended.lock().unwrap_or_else(PoisonError::into_inner) };
        eventually(deadline, ended)
            .await
            .context("the stream is still open")
    }
}

async fn read(
    mut body: Incoming,
    messages: Arc<Mutex<Vec<Value>>>,
    ids: Arc<Mutex<Vec<String>>>,
    ended: Arc<Mutex<bool>>,
) {
    let mut rest = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if let Some(id) = line.strip_prefix("id:") {
                ids.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(id.trim().to_owned());
            }
            if let Some(message) = message(&line) {
                messages
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(message);
            }
        }
    }
    *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
}

/// The message of a `data:` line; events of the mesh have one each.
pub(super) fn message(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()
}
