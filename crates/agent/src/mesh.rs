//! The mesh, for whoever has something to ask of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::Error;
use crate::heart::Identity;
use crate::session::Ask;

/// Asks the mesh, over the agent's connection and over its breaks. Requests wait while there is none; they are answered while
/// [`crate::Agent::run`] runs. Cheap to clone.
#[derive(Clone)]
pub struct Mesh {
    asks: mpsc::UnboundedSender<Ask>,
    places: Arc<Semaphore>,
    timeout: Duration,
    identity: watch::Receiver<Option<Identity>>,
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mesh")
    }
}

impl Mesh {
    pub(crate) fn new(
        asks: mpsc::UnboundedSender<Ask>,
        places: usize,
        timeout: Duration,
        identity: watch::Receiver<Option<Identity>>,
    ) -> Self {
        Self {
            asks,
            places: Arc::new(Semaphore::new(places)),
            timeout,
            identity,
        }
    }

    /// Under which name the mesh knows the agent, once it does.
    pub(crate) fn identity(&self) -> watch::Receiver<Option<Identity>> {
        self.identity.clone()
    }

    /// Asks for something that is done once at most: when the connection breaks at the wrong moment, it is in doubt.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::InDoubt`], [`Error::TimedOut`], or [`Error::Ended`].
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, Error> {
        self.within(self.timeout, self.patiently(method, params, false))
            .await
    }

    /// Asks for something that is harmless to do twice: it is asked again after a break, and while the control plane is away.
    ///
    /// # Errors
    /// As [`Self::ask`], never in doubt.
    pub async fn ask_repeatedly(&self, method: &str, params: Value) -> Result<Value, Error> {
        self.within(self.timeout, self.patiently(method, params, true))
            .await
    }

    /// Creates a task; the fields are those of `POST /api/v1/tasks`. It gets an `idempotency_key` unless there is one, so that
    /// no break makes two of it.
    ///
    /// # Errors
    /// As [`Self::ask_repeatedly`].
    pub async fn create_task(&self, mut task: Value) -> Result<Value, Error> {
        if let Value::Object(fields) = &mut task {
            let key = || json!(uuid::Uuid::new_v4().to_string());
            fields.entry("idempotency_key").or_insert_with(key);
        }
        self.ask_repeatedly("task.create", task).await
    }

    /// Sends a message to other agents as this one, once it is registered; the fields are those of `POST /api/v1/messages`. It
    /// gets an `idempotency_key` unless there is one, so that no break sends it twice. The message, with its receivers.
    ///
    /// # Errors
    /// As [`Self::ask_repeatedly`].
    pub async fn send_message(&self, mut message: Value) -> Result<Value, Error> {
        let mut identity = self.identity.clone();
        let sent = async {
            let known = identity.wait_for(Option::is_some).await;
            let agent = known.map_err(|_| Error::Ended)?.clone();
            if let (Value::Object(fields), Some(agent)) = (&mut message, agent) {
                let key = || json!(uuid::Uuid::new_v4().to_string());
                fields.entry("idempotency_key").or_insert_with(key);
                fields.entry("agent_id").or_insert_with(|| json!(agent.id));
            }
            self.patiently("message.send", message, true).await
        };
        self.within(self.timeout, sent).await
    }

    /// Waits for the end of a task, at most `wait`; the task, with its history.
    ///
    /// # Errors
    /// As [`Self::ask_repeatedly`].
    pub async fn task_end(&self, id: &str, wait: Duration) -> Result<Value, Error> {
        // The mesh waits a minute at most.
        let ended = async {
            loop {
                let params = json!({ "task_id": id, "wait_seconds": wait.as_secs().min(30) });
                let task = self.patiently("task.get", params, true).await?;
                if task.get("finished_at").is_some() {
                    return Ok(task);
                }
            }
        };
        self.within(wait, ended).await
    }

    /// Calls a tool of the mesh, as over MCP; its result.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn call_tool(&self, name: &str, arguments: Value) -> Result<Value, Error> {
        let params = json!({ "name": name, "arguments": arguments });
        self.ask("tools/call", params).await
    }

    /// Asks until there is an answer that counts; a request that was not even begun is always asked again.
    pub(crate) async fn patiently(
        &self,
        method: &str,
        params: Value,
        repeatable: bool,
    ) -> Result<Value, Error> {
        let mut backoff = crate::backoff::Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let place = self.places.acquire().await.map_err(|_| Error::Ended)?;
            let answer = self.once(method, params.clone(), repeatable).await;
            drop(place);
            let wait = match answer {
                Err(Error::Refused(refused)) if refused.limited().is_some() => {
                    refused.limited().unwrap_or_default()
                }
                Err(Error::Refused(refused)) if repeatable && refused.is_passing() => backoff.next(),
                answer => return answer,
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Asks once, without waiting for a place.
    pub(crate) async fn once(&self, method: &str, params: Value, repeatable: bool) -> Result<Value, Error> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask {
            method: method.to_owned(),
            params,
            repeatable,
            answer,
        };
        self.asks.send(ask).map_err(|_| Error::Ended)?;
        answered.await.unwrap_or(Err(Error::Ended))
    }

    async fn within<T>(
        &self,
        time: Duration,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let answered = tokio::time::timeout(time, asked).await;
        answered.unwrap_or(Err(Error::TimedOut(time)))
    }
}
