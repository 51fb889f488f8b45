//! What goes on over breaks of the connection: requests that wait for their answers, and the numbers of both directions.

use std::collections::BTreeMap;

use frames::wire::{Form, Frame, Ready, Writer};
use frames::{Content, Id, Inbox, Message, Received};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{Error, Refused};

/// A request on its way.
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) params: Value,
    /// Doing it twice is as good as doing it once.
    pub(crate) repeatable: bool,
    pub(crate) answer: oneshot::Sender<Result<Value, Error>>,
}

struct Pending {
    ask: Ask,
    sequence: u64,
}

/// What the mesh says by itself.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Notification { method: String, params: Value },
    Question { id: Id, method: String },
}

/// The state of both directions.
#[derive(Default)]
pub(crate) struct Session {
    /// By which the mesh knows this session again.
    pub(crate) token: Option<String>,
    pub(crate) inbox: Inbox,
    acknowledged: u64,
    sent: u64,
    last_id: i64,
    pending: BTreeMap<i64, Pending>,
}

const WRITER: Writer = Writer {
    form: Form::Text,
    compress_from: usize::MAX,
};

/// A message as it is sent, under a number or none (0).
pub(crate) fn frame(message: &Message, sequence: u64) -> Frame {
    WRITER.write(&Ready::from(message), sequence).frame
}

impl Session {
    /// A name for a request that no other one has.
    pub(crate) fn name(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Takes a request in; its frame. None where it has more than `most` bytes: whoever asked is told.
    pub(crate) fn begin(&mut self, ask: Ask, most: usize) -> Option<Frame> {
        let id = self.name();
        let frame = request(id, &ask, self.sent + 1);
        let size = frame.bytes().len();
        if size > most {
            let message = format!("the message has {size} bytes, and the mesh takes {most}");
            let refused = Refused::here(frames::message::INVALID_PARAMS, message);
            let _ = ask.answer.send(Err(Error::Refused(refused)));
            return None;
        }
        self.sent += 1;
        let sequence = self.sent;
        self.pending.insert(id, Pending { ask, sequence });
        Some(frame)
    }

    /// Takes in what came: answers go to who asked, the rest is for the caller. Nothing is taken twice.
    pub(crate) fn take(&mut self, received: Received) -> Vec<Said> {
        if !self.inbox.arrived(received.sequence).is_new() {
            return Vec::new();
        }
        match received.content {
            Ok(Content::One(message)) => self.one(message).into_iter().collect(),
            Ok(Content::Batch(messages)) => {
                let messages = messages.into_iter().flatten();
                messages.filter_map(|message| self.one(message)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn one(&mut self, message: Message) -> Option<Said> {
        match message {
            Message::Response { id, result } => self.answer(&id, Ok(result)),
            Message::Error { id: Some(id), error } => {
                self.answer(&id, Err(Error::Refused(Refused::from(error))))
            }
            Message::Error { id: None, error } => {
                tracing::warn!(
                    code = error.code,
                    "the mesh could not read a message: {}",
                    error.message
                );
            }
            Message::Notification { method, params } => {
                let params = params.unwrap_or_default();
                return Some(Said::Notification { method, params });
            }
            Message::Request { id, method, .. } => return Some(Said::Question { id, method }),
        }
        None
    }

    fn answer(&mut self, id: &Id, answer: Result<Value, Error>) {
        if let Id::Number(id) = id
            && let Some(pending) = self.pending.remove(id)
        {
            // Whoever asked may have gone on to other things.
            let _ = pending.ask.answer.send(answer);
        }
    }

    /// What to acknowledge, if there is something new.
    pub(crate) fn acknowledge(&mut self) -> Option<u64> {
        let last = self.inbox.last();
        let is_new = last > self.acknowledged;
        self.acknowledged = last;
        is_new.then_some(last)
    }

    /// How much was received and not acknowledged.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.inbox.last().saturating_sub(self.acknowledged)
    }

    /// The session goes on, and the mesh has received so much: what to send again.
    pub(crate) fn resumed(&mut self, received: Option<u64>) -> Vec<Frame> {
        let Some(received) = received else {
            // The replica that counted is gone: the next one counts from 1, and what was asked there may have happened.
            return self.ask_again();
        };
        self.forget_abandoned();
        let missed = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.sequence > received);
        let mut missed: Vec<_> = missed.collect();
        missed.sort_by_key(|(_, pending)| pending.sequence);
        missed
            .into_iter()
            .map(|(id, pending)| request(*id, &pending.ask, pending.sequence))
            .collect()
    }

    /// The session is another one: what to ask again.
    pub(crate) fn begun(&mut self, token: Option<String>, inbox: Inbox) -> Vec<Frame> {
        self.token = token;
        self.inbox = inbox;
        self.acknowledged = 0;
        self.ask_again()
    }

    /// What is harmless is asked again, under new numbers; of the rest it is not known whether it was done.
    fn ask_again(&mut self) -> Vec<Frame> {
        self.forget_abandoned();
        self.sent = 0;
        let (again, in_doubt): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|(_, pending)| pending.ask.repeatable);
        for pending in in_doubt.into_values() {
            let _ = pending.ask.answer.send(Err(Error::InDoubt));
        }
        let again = again.into_values().map(|pending| pending.ask);
        again.filter_map(|ask| self.begin(ask, usize::MAX)).collect()
    }

    /// Drops requests whose answers nobody waits for.
    pub(crate) fn forget_abandoned(&mut self) {
        self.pending.retain(|_, pending| !pending.ask.answer.is_closed());
    }
}

fn request(id: i64, ask: &Ask, sequence: u64) -> Frame {
    let message = Message::Request {
        id: Id::Number(id),
        method: ask.method.clone(),
        params: Some(ask.params.clone()),
    };
    frame(&message, sequence)
}

#[cfg(test)]
mod tests;
