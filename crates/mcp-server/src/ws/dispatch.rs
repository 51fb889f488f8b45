//! What happens to a message: may it come, and to whom it goes.

use std::sync::Arc;

use frames::message::{Content, METHOD_NOT_FOUND};
use frames::wire::Ready;
use frames::{Arrival, Class, Form, Id, Message, Received, Refusal, Rpc};
use rmcp::ErrorData;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ask::Asked;
use super::batch::Batch;
use super::connection::Talk;
use super::end::End;
use super::mcp;
use super::rate::Taken;
use super::session::Session;
use super::socket::Outgoing;
use crate::engine::caller::Wire;
use crate::engine::{Backend, refusal};

/// The caller has used up its messages, or its requests; `data` says how to go on.
const LIMITED: i32 = -32_029;

impl<B: Backend> Talk<B> {
    pub(super) async fn dispatch(&mut self, received: Received, size: usize, form: Form) {
        if let Some(session) = self.session()
            && !self.arrives(&session, received.sequence).await
        {
            return;
        }
        let wire = Arc::new(self.wire(&received, size, form));
        match received.content {
            Ok(Content::Ping(bytes)) => self.socket.push(Class::Droppable, Outgoing::Pong(bytes)),
            Ok(Content::Pong(_)) => {}
            Ok(Content::One(message)) => self.take_one(message, &wire, None).await,
            Ok(Content::Batch(messages)) => self.take_batch(messages, &wire).await,
            Err(refusal) => {
                if let Some(answer) = self.refused(refusal) {
                    self.say(answer).await;
                }
            }
        }
    }

    /// Whether the message is new.
    async fn arrives(&self, session: &Session, sequence: u64) -> bool {
        match session.arrived(sequence) {
            Arrival::Unnumbered | Arrival::Next => true,
            Arrival::Repeated => {
                self.shared.metrics.errors.with(["repeated"]).increment(1);
                false
            }
            Arrival::Gap { from, to } => {
                self.shared.metrics.errors.with(["gap"]).increment(1);
                let gap = Message::Notification {
                    method: "notifications/gap".to_owned(),
                    params: Some(json!({ "from": from, "to": to })),
                };
                session.deliver(Class::MustDeliver, Ready::from(&gap)).await;
                true
            }
        }
    }

    fn wire(&self, received: &Received, size: usize, form: Form) -> Wire {
        Wire {
            message_type: received.kind.as_str(),
            sequence: received.sequence,
            version: self.socket.version.as_str(),
            compressed: received.compressed,
            bytes: size as u64,
            encoding: match form {
                Form::Text => "text",
                Form::Binary => "binary",
            },
            ping_latency_ms: self
                .socket
                .latency()
                .map(|latency| latency.as_secs_f64() * 1_000.0),
        }
    }

    async fn take_batch(&mut self, messages: Vec<Result<Message, Refusal>>, wire: &Arc<Wire>) {
        let is_request = |message: &Result<Message, Refusal>| matches!(message, Ok(Message::Request { .. }));
        let waiting = messages.iter().filter(|message| is_request(message)).count();
        let (taken, refused): (Vec<_>, Vec<_>) = messages.into_iter().partition(Result::is_ok);
        let refused: Vec<_> = refused
            .into_iter()
            .filter_map(Result::err)
            .filter_map(|one| self.refused(one))
            .collect();
        if waiting == 0 && !refused.is_empty() {
            self.send(Ready::joined(&refused)).await;
        }
        let batch = (waiting > 0).then(|| Arc::new(Batch::new(waiting, refused)));
        for message in taken.into_iter().flatten() {
            self.take_one(message, wire, batch.as_ref()).await;
        }
    }

    async fn take_one(&mut self, message: Message, wire: &Arc<Wire>, batch: Option<&Arc<Batch>>) {
        match message {
            Message::Request { id, method, params } => {
                let answered = match self.admit(&id, &method, batch) {
                    Ok(cancel) => {
                        let asked = Asked {
                            id: id.clone(),
                            method,
                            params,
                            cancel,
                            wire: Arc::clone(wire),
                        };
                        self.ask(asked).await
                    }
                    // Not begun, so not to be ended: it may have the id of one that runs.
                    Err(error) => return self.refuse(&id, error, batch).await,
                };
                if let Some(result) = answered {
                    self.answer(&id, result).await;
                }
            }
            Message::Notification { method, params } => self.hear(method, params, wire).await,
            answer => self.pass_on(&answer, wire).await,
        }
    }

    /// Whether a request may begin.
    fn admit(&mut self, id: &Id, method: &str, batch: Option<&Arc<Batch>>) -> Result<CancellationToken, Rpc> {
        let invalid = |message: &str| Err(Rpc::new(frames::message::INVALID_REQUEST, message));
        let Some(session) = self.session() else {
            return if method == "authenticate" && batch.is_none() {
                Ok(CancellationToken::new())
            } else {
                self.socket.end(End::AUTHENTICATE_FIRST);
                Err(Rpc::new(
                    refusal::UNAUTHENTICATED.0,
                    End::AUTHENTICATE_FIRST.reason,
                ))
            };
        };
        match self.bucket.take(Instant::now()) {
            Taken::Yes => {}
            Taken::No(seconds) => return Err(self.limited("messages come too fast", Some(seconds))),
            Taken::Never => {
                self.socket.end(End::TOO_FAST);
                return Err(self.limited("messages come too fast", None));
            }
        }
        let is_open = session.client.get().is_some();
        match method {
            "authenticate" => return invalid("authenticate: this connection is authenticated"),
            "initialize" if is_open => return invalid("initialize: this connection is initialized"),
            "resume" if is_open => return invalid("resume: this connection is initialized"),
            "initialize" | "resume" | "ping" => {}
            _ if !is_open => return invalid("initialize comes first"),
            _ => {}
        }
        if session.in_flight() >= self.shared.config.max_in_flight {
            return Err(self.limited("too many requests of this connection run", None));
        }
        match session.begin(id, batch.cloned()) {
            Some(cancel) => Ok(cancel),
            None => invalid("id: a request with this id is being answered"),
        }
    }

    fn limited(&self, why: &str, seconds: Option<f64>) -> Rpc {
        self.shared.metrics.errors.with(["rate_limited"]).increment(1);
        let data = seconds.map(|seconds| json!({ "retryAfterMs": (seconds * 1_000.0).ceil() }));
        Rpc {
            code: LIMITED,
            message: format!("{why}: try again in a moment"),
            data,
        }
    }

    /// Takes a message that wants no answer.
    async fn hear(&mut self, method: String, params: Option<Value>, wire: &Arc<Wire>) {
        let Some(session) = self.session() else {
            return self.socket.end(End::AUTHENTICATE_FIRST);
        };
        match self.bucket.take(Instant::now()) {
            Taken::Yes => {}
            Taken::No(_) => return self.shared.metrics.errors.with(["rate_limited"]).increment(1),
            Taken::Never => return self.socket.end(End::TOO_FAST),
        }
        if method == "ack" {
            let sequence = params.as_ref().and_then(|params| params["sequence"].as_u64());
            return session.acknowledge(sequence.unwrap_or_default());
        }
        if method == "notifications/cancelled" {
            let id = params.as_ref().map(|params| params["requestId"].clone());
            if let Some(id) = id.and_then(|id| serde_json::from_value::<Id>(id).ok()) {
                session.cancel(&id).await;
            }
        }
        let message = Message::Notification { method, params };
        self.pass_on(&message, wire).await;
    }

    /// Hands a message to MCP's engine, if it is there to hear it.
    async fn pass_on(&self, message: &Message, wire: &Arc<Wire>) {
        let Some(session) = self.session() else {
            return self.socket.end(End::AUTHENTICATE_FIRST);
        };
        if session.mcp.get().is_some()
            && let Ok(message) = serde_json::from_slice(&message.json())
        {
            let caller = self.caller(&session, wire);
            mcp::hand_over(&self.engine, &session, &caller, &self.shared.life, message).await;
        }
    }

    fn refused(&self, refusal: Refusal) -> Option<Ready> {
        let kind = match refusal.error.code {
            frames::message::PARSE_ERROR => "parse_error",
            METHOD_NOT_FOUND => "method_not_found",
            frames::message::INVALID_PARAMS => "invalid_params",
            _ => "invalid_request",
        };
        self.shared.metrics.errors.with([kind]).increment(1);
        refusal.answer().map(|answer| Ready::from(&answer))
    }

    async fn refuse(&self, id: &Id, error: Rpc, batch: Option<&Arc<Batch>>) {
        let answer = Ready::from(&Message::Error {
            id: Some(id.clone()),
            error,
        });
        let most = self.shared.config.limits().message;
        let answers = match batch {
            Some(batch) => batch.take(Some(answer), most),
            None => vec![answer],
        };
        for answer in answers {
            self.send(answer).await;
        }
    }

    /// Answers a request that the connection itself took.
    async fn answer(&self, id: &Id, result: Result<Value, ErrorData>) {
        let answer = ready(id, result);
        match self.session() {
            Some(session) if session.is_pending(id) => session.answer(id, answer).await,
            // `authenticate`, which no session knows of.
            _ => self.send(answer).await,
        }
    }

    async fn send(&self, ready: Ready) {
        match self.session() {
            Some(session) => session.deliver(Class::MustDeliver, ready).await,
            None => self.socket.push(Class::MustDeliver, Outgoing::Message(0, ready)),
        }
    }

    async fn say(&self, ready: Ready) {
        if self.session().is_none() {
            self.socket.end(End::AUTHENTICATE_FIRST);
        }
        self.send(ready).await;
    }
}

pub(super) fn ready(id: &Id, result: Result<Value, ErrorData>) -> Ready {
    let id = id.clone();
    let message = match result {
        Ok(result) => Message::Response { id, result },
        Err(error) => Message::Error {
            id: Some(id),
            error: Rpc {
                code: error.code.0,
                message: error.message.into_owned(),
                data: error.data,
            },
        },
    };
    Ready::from(&message)
}
