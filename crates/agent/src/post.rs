//! Messages of other agents: handled one after another, in the order in which they came, and acknowledged once they were.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{Error, Failure, Mesh};

/// The mesh may hand out a message again: so many of the last are known by their names. It hands out 32 before the first
/// acknowledgement.
const KNOWN: usize = 1_024;

/// Reads messages. Any `Fn(Message) -> impl Future<Output = ()>` is one.
pub trait Reader: Send + Sync + 'static {
    /// Reads one; it is acknowledged when this is over. One that is cut off, or panics, has not read it: the message comes
    /// again over the next connection.
    fn read(&self, message: Message) -> BoxFuture<'static, ()>;
}

impl<F, Fut> Reader for F
where
    F: Fn(Message) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn read(&self, message: Message) -> BoxFuture<'static, ()> {
        Box::pin(self(message))
    }
}

/// A message to this agent. Clones are the same message.
#[derive(Debug, Clone)]
pub struct Message {
    told: Arc<Told>,
    mesh: Mesh,
}

/// As the mesh tells of it.
#[derive(Debug, Deserialize)]
struct Told {
    id: String,
    from: From,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: Value,
    reply_to: Option<String>,
}

#[derive(Debug, Deserialize)]
struct From {
    tenant_id: String,
    agent_id: Option<String>,
    name: String,
}

/// A message, and who is told of it.
#[derive(Deserialize)]
struct Received {
    agent_id: String,
    message: Told,
}

impl Message {
    /// Its name: a message that comes again has the same.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.told.id
    }

    /// The name of the agent that sent it, or of the key, where no agent did.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.told.from.name
    }

    /// What it is about, in a line; may be empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.told.subject
    }

    /// What it says, an object.
    #[must_use]
    pub fn raw_body(&self) -> &Value {
        &self.told.body
    }

    /// What it says, as the reader wants it.
    ///
    /// # Errors
    /// A failure of the kind `bad_body`, when it is something else.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        T::deserialize(&self.told.body).map_err(|error| Failure::new("bad_body", format!("body: {error}")))
    }

    /// The message that it answers.
    #[must_use]
    pub fn reply_to(&self) -> Option<&str> {
        self.told.reply_to.as_deref()
    }

    /// Answers it, with an object; the message that was sent.
    ///
    /// # Errors
    /// As [`Mesh::send_message`]; [`Error::Settings`], when no agent sent it.
    pub async fn reply(&self, body: Value) -> Result<Value, Error> {
        let from = &self.told.from;
        let Some(agent) = &from.agent_id else {
            let why = format!("{} is no agent: a message to it has no receiver", from.name);
            return Err(Error::Settings(why));
        };
        let to = json!({ "tenant_id": from.tenant_id, "agent_id": agent });
        let reply = json!({ "to": to, "subject": self.told.subject, "body": body, "reply_to": self.told.id });
        self.mesh.send_message(reply).await
    }

    /// The mesh, for anything else.
    #[must_use]
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }
}

/// Hands messages to their reader.
pub(crate) struct Post {
    pub(crate) mesh: Mesh,
    pub(crate) reader: Arc<dyn Reader>,
    /// What the mesh said. Unbounded: the mesh hands out only so many that were not acknowledged.
    pub(crate) said: mpsc::UnboundedReceiver<Value>,
}

impl Post {
    /// Reads until nobody listens to the mesh any more.
    pub(crate) async fn run(mut self) {
        let mut read: VecDeque<String> = VecDeque::with_capacity(KNOWN);
        while let Some(params) = self.said.recv().await {
            let received = match Received::deserialize(params) {
                Ok(received) => received,
                Err(error) => {
                    tracing::error!(%error, "a message that the mesh hands out cannot be read");
                    continue;
                }
            };
            let id = received.message.id.clone();
            if !read.contains(&id) {
                if !self.read(received.message).await {
                    continue;
                }
                if read.len() == KNOWN {
                    read.pop_front();
                }
                read.push_back(id.clone());
            }
            self.acknowledge(&received.agent_id, &id).await;
        }
    }

    /// Whether its reader came to the end of it.
    async fn read(&self, told: Told) -> bool {
        let id = told.id.clone();
        let message = Message {
            told: Arc::new(told),
            mesh: self.mesh.clone(),
        };
        let reading = AssertUnwindSafe(async { self.reader.read(message).await });
        let is_read = reading.catch_unwind().await.is_ok();
        if !is_read {
            tracing::error!(
                message = id,
                "the reader of a message panicked: it is not acknowledged"
            );
        }
        is_read
    }

    async fn acknowledge(&self, agent: &str, id: &str) {
        let params = json!({ "agent_id": agent, "message_id": id });
        // Until the mesh has it; what it refuses is over for it, or another's.
        if let Err(error) = self.mesh.patiently("message.ack", params, true).await {
            tracing::info!(message = id, %error, "an acknowledgement does not count");
        }
    }
}
