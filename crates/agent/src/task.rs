//! A task, as its handler sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::trace::Context;
use crate::{Failure, Mesh};

/// What a handler makes of a task.
pub type Outcome = Result<Value, Failure>;

/// Does tasks of one type. Any `Fn(Task) -> impl Future<Output = Outcome>` is one.
pub trait Handler: Send + Sync + 'static {
    /// Does one. It is dropped when it is not over in time, or some seconds after its task was taken away
    /// ([`Task::cancelled`] says so first).
    fn handle(&self, task: Task) -> BoxFuture<'static, Outcome>;
}

impl<F, Fut> Handler for F
where
    F: Fn(Task) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    fn handle(&self, task: Task) -> BoxFuture<'static, Outcome> {
        Box::pin(self(task))
    }
}

/// How far a task is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) percent: f64,
    pub(crate) message: Option<String>,
}

/// A task that this agent has accepted. Clones are the same task.
#[derive(Debug, Clone)]
pub struct Task {
    pub(crate) assigned: Arc<Assigned>,
    pub(crate) mesh: Mesh,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) cancel: CancellationToken,
}

/// A task as the mesh tells of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Assigned {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) input: Value,
    pub(crate) fence: u64,
    #[serde(default)]
    pub(crate) attempt: u32,
    #[serde(default)]
    pub(crate) silence_seconds: u64,
    #[serde(default)]
    pub(crate) trace: BTreeMap<String, String>,
}

impl Assigned {
    /// While a task is worked on it is told so in thirds of the time after which it would count as forgotten, and every half
    /// minute at least: this is how a task that was taken away while the connection was broken is noticed.
    pub(crate) fn pulse(&self) -> Duration {
        let third = Duration::from_secs(self.silence_seconds.max(1)) / 3;
        third.min(Duration::from_secs(30))
    }
}

impl Task {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.assigned.id
    }

    /// What sort of work it is.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.assigned.kind
    }

    /// For a person, in a line; may be empty.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.assigned.title
    }

    /// Number of the assignment: it rises each time the task is given to somebody.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.assigned.fence
    }

    /// Which try this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        // The offer counts the tries before it was accepted.
        self.assigned.attempt + 1
    }

    /// What it brings.
    #[must_use]
    pub fn raw_input(&self) -> &Value {
        &self.assigned.input
    }

    /// What it brings, as the handler wants it.
    ///
    /// # Errors
    /// A failure of the kind `bad_input`, when it is something else.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        T::deserialize(&self.assigned.input)
            .map_err(|error| Failure::new("bad_input", format!("input: {error}")))
    }

    /// W3C trace context of whoever created it.
    #[must_use]
    pub fn trace(&self) -> &Context {
        &self.assigned.trace
    }

    /// Says how far it is, 0 to 100. It costs nothing: news is sent now and then, the newest only.
    pub fn progress(&self, percent: f64, message: impl Into<String>) {
        let percent = if percent.is_finite() {
            percent.clamp(0.0, 100.0)
        } else {
            0.0
        };
        let message = Some(cut(message.into(), MAX_TEXT));
        self.progress.send_replace(Progress { percent, message });
    }

    /// Resolves when the task is taken away: it was cancelled, is over, or is another agent's. What is answered after that does
    /// not count.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// The same as a token, to hand on.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// The mesh, for further tasks and calls of tools.
    #[must_use]
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }
}

/// Longest text that the mesh takes for people.
pub(crate) const MAX_TEXT: usize = 4_000;

/// The text, cut at a character at most `most` bytes in.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
    text
}
