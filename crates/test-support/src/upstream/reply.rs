//! What a route answers.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Recorded;

/// An answer, or the lack of one.
#[derive(Clone)]
pub struct Reply {
    pub(super) action: Action,
    pub(super) gate: Option<Gate>,
}

#[derive(Clone)]
pub(super) enum Action {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Bytes,
    },
    Compute(Arc<dyn Fn(&Recorded) -> Reply + Send + Sync>),
    Hang,
    Reset,
    CutShort {
        status: u16,
        promised: usize,
        body: Bytes,
    },
}

/// Holds replies back until it is opened; a test decides the moment, not a clock.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Reply {
    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    /// A plain-text body.
    pub fn text(status: u16, body: &str) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", body.to_owned())
    }

    /// Any body.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::status(status)
            .header("content-type", content_type)
            .with_body(body.into())
    }

    /// No body.
    pub fn status(status: u16) -> Self {
        Action::Answer {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
        .into()
    }

    /// A redirect to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("location", location)
    }

    /// 200 with the request as JSON: `method`, `path`, `query`, `headers` (last value each) and `body` (as text).
    pub fn echo() -> Self {
        Self::computed(|request| {
            let headers = request.headers.iter().map(|(name, value)| {
                (
                    name.to_string(),
                    Value::from(String::from_utf8_lossy(value.as_bytes())),
                )
            });
            Self::json(
                200,
                &json!({
                    "method": request.method,
                    "path": request.path,
                    "query": request.query,
                    "headers": headers.collect::<serde_json::Map<_, _>>(),
                    "body": request.text(),
                }),
            )
        })
    }

    /// What `answer` makes of the request.
    pub fn computed(answer: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        Action::Compute(Arc::new(answer)).into()
    }

    /// Never: the request is read, and the connection stays open.
    pub fn hang() -> Self {
        Action::Hang.into()
    }

    /// None: the request is read, then the connection is reset (RST).
    pub fn reset() -> Self {
        Action::Reset.into()
    }

    /// A head that promises `promised` bytes, then `body`, then the connection is cut.
    pub fn cut_short(status: u16, promised: usize, body: impl Into<Bytes>) -> Self {
        Action::CutShort {
            status,
            promised,
            body: body.into(),
        }
        .into()
    }

    /// Adds a header to an answer; without effect on the others.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Action::Answer { headers, .. } = &mut self.action {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Waits for the gate before answering.
    #[must_use]
    pub fn held_by(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    fn with_body(mut self, content: Bytes) -> Self {
        if let Action::Answer { body, .. } = &mut self.action {
            *body = content;
        }
        self
    }
}

impl From<Action> for Reply {
    fn from(action: Action) -> Self {
        Self { action, gate: None }
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub async fn passed(&self) {
        // The sender lives as long as this gate, so waiting cannot fail.
        drop(self.0.subscribe().wait_for(|open| *open).await);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
