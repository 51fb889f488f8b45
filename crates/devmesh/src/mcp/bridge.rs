//! The stdio bridge: MCP over stdin and stdout on one side, Streamable HTTP on the other, every message as it is.
//!
//! It knows three things about the protocol, because the transports differ in them: where the session and the agreed
//! version of the older eras are kept (headers), that a stream which breaks is taken up again by its last event, and
//! that in the stateless era a request is cancelled by closing its answer.

mod exchange;
mod lines;
mod listen;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite};
use tokio::task::{AbortHandle, JoinSet};

use super::endpoint::Endpoint;
use super::headers;
use crate::failure::Failure;
use lines::Lines;
use session::Keeper;

/// How long requests may still be answered after stdin was closed: a script that pipes one request in wants its answer.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// One bridge.
struct Bridge<W> {
    endpoint: Endpoint,
    keeper: Keeper,
    out: Lines<W>,
    /// Requests of the stateless era that wait for their answer, by id.
    stateless: Mutex<HashMap<String, AbortHandle>>,
}

/// What goes on while lines are read; all of it ends with the bridge.
#[derive(Default)]
struct Tasks {
    /// Requests that will be answered.
    answers: JoinSet<()>,
    /// What only waits for things to happen.
    streams: JoinSet<()>,
}

/// Passes messages until `input` ends.
///
/// # Errors
/// When stdin cannot be read.
pub async fn run<R, W>(endpoint: Endpoint, input: R, output: W) -> Result<(), Failure>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let bridge = Arc::new(Bridge {
        endpoint,
        keeper: Keeper::default(),
        out: Lines::new(output),
        stateless: Mutex::default(),
    });
    let mut tasks = Tasks::default();
    tasks.streams.spawn(Arc::clone(&bridge).listen());
    let mut lines = input.split(b'\n');
    loop {
        tokio::select! {
            line = lines.next_segment() => match line.map_err(|error| Failure::of("stdin", error))? {
                Some(line) if line.trim_ascii().is_empty() => {}
                Some(line) => bridge.take(&line, &mut tasks).await,
                None => break,
            },
            Some(_) = tasks.answers.join_next() => {}
            () = bridge.out.gone() => break,
        }
    }
    bridge.finish(tasks).await;
    Ok(())
}

impl<W: AsyncWrite + Unpin + Send + 'static> Bridge<W> {
    /// One line of stdin. Requests are answered at their own pace; everything else, and `initialize`, is passed on before
    /// the next line is read, because its order matters.
    async fn take(self: &Arc<Self>, line: &[u8], tasks: &mut Tasks) {
        let Ok(message) = serde_json::from_slice::<Value>(line) else {
            return self.out.error(&Value::Null, -32700, "this line is no JSON").await;
        };
        let method = message
            .get("method")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let Some(id) = message
            .get("id")
            .filter(|_| !method.is_empty())
            .map(Value::to_string)
        else {
            return self.pass(&message, &method).await;
        };
        if method == "initialize" {
            return self.initialize(message).await;
        }
        let stateless = headers::version(&message).is_some();
        let bridge = Arc::clone(self);
        let named = id.clone();
        let kind = if method == "subscriptions/listen" {
            &mut tasks.streams
        } else {
            &mut tasks.answers
        };
        let handle = kind.spawn(async move {
            bridge.answer(&message).await;
            lock(&bridge.stateless).remove(&named);
        });
        if stateless {
            let mut waiting = lock(&self.stateless);
            waiting.retain(|_, handle| !handle.is_finished());
            waiting.insert(id, handle);
        }
    }

    /// A notification or an answer of the client's.
    async fn pass(&self, message: &Value, method: &str) {
        if method == "notifications/cancelled" {
            let id = message
                .pointer("/params/requestId")
                .map(Value::to_string)
                .unwrap_or_default();
            let waiting = lock(&self.stateless).remove(&id);
            if let Some(request) = waiting {
                request.abort();
                return;
            }
        }
        self.forward(message).await;
        if method == "notifications/initialized" {
            self.keeper.initialized();
        }
    }

    /// Waits for the answers that are still to come, then ends the session.
    async fn finish(&self, mut tasks: Tasks) {
        let answers = async { while tasks.answers.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_ANSWERS, answers).await.is_err() {
            lines::remark("stdin is closed and a request has no answer yet; giving it up");
        }
        let session = self.keeper.session();
        if session.id.is_some() {
            // The server ends sessions that nobody uses by itself.
            let _ = tokio::time::timeout(Duration::from_secs(2), self.endpoint.close(&session)).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
