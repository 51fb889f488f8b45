//! What an exported span keeps while it is open.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::SystemTime;

use opentelemetry::trace::{SpanId, SpanKind, Status};
use tracing::field::{Field, Visit};

use super::attributes::Attributes;
use super::name::{Name, Role};
use super::wire::{self, Known, Listed};
use super::{TraceContext, journal};
use crate::clock;

/// Bounds of one span; what is beyond is counted in the span itself, as OpenTelemetry asks.
const MAX_EVENTS: usize = 128;
const MAX_LINKS: usize = 128;
/// Longest description of an error and name of an event, in bytes.
const MAX_TEXT: usize = 4_096;

/// Name, times, attributes and events of an open span.
#[derive(Debug)]
pub(crate) struct Recording {
    name: Cow<'static, str>,
    kind: SpanKind,
    start: SystemTime,
    status: Status,
    attributes: Attributes,
    events: Listed,
    links: Listed,
}

impl Recording {
    pub(crate) fn begin(name: &'static str) -> Self {
        Recording {
            name: name.into(),
            kind: SpanKind::Internal,
            start: clock::now(),
            status: Status::Unset,
            attributes: Attributes::of_span(),
            events: Listed::default(),
            links: Listed::default(),
        }
    }

    /// Keeps an event that happened inside of the span; an error marks the span.
    pub(crate) fn event(&mut self, event: &tracing::Event<'_>) {
        let mut fields = EventFields {
            message: String::new(),
            attributes: Attributes::of_event(),
        };
        event.record(&mut fields);
        let EventFields {
            message,
            mut attributes,
        } = fields;
        let level = event.metadata().level();
        if *level == tracing::Level::ERROR && self.status == Status::Unset {
            self.status = Status::error(message.clone());
        }
        Name::with("level", |name| attributes.text(name, level.as_str()));
        let name = if message.is_empty() {
            event.metadata().name()
        } else {
            &message
        };
        self.events.add(MAX_EVENTS, |out| {
            wire::event(out, clock::now(), name, &attributes)
        });
    }

    /// Links the span to another one.
    pub(crate) fn link(&mut self, to: &TraceContext) {
        self.links.add(MAX_LINKS, |out| wire::link(out, to));
    }

    /// What is known of the span while it is open; `context` is its own.
    pub(super) fn known<'a>(
        &'a self,
        context: &'a TraceContext,
        parent: SpanId,
        parent_is_remote: bool,
    ) -> Known<'a> {
        Known {
            context,
            parent,
            parent_is_remote,
            name: &self.name,
            kind: &self.kind,
            start: self.start,
            end: None,
            attributes: &self.attributes,
            events: &self.events,
            links: &self.links,
            status: &self.status,
        }
    }

    /// When the span began.
    pub(super) fn started(&self) -> SystemTime {
        self.start
    }

    /// An attribute that is a text.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.attributes.text_of(name)
    }

    /// Writes down what is known of the span while it is open.
    pub(crate) fn note(
        &self,
        records: &mut Vec<u8>,
        context: &TraceContext,
        parent: SpanId,
        parent_is_remote: bool,
    ) {
        journal::note(records, &self.known(context, parent, parent_is_remote));
    }

    fn text(&mut self, name: &Name, value: &str) {
        match name.role {
            Role::Title => self.name = value.to_owned().into(),
            Role::Kind => self.kind = kind(value),
            Role::Status if value.eq_ignore_ascii_case("error") => {
                if !matches!(self.status, Status::Error { .. }) {
                    self.status = Status::error("");
                }
            }
            Role::Status => self.status = Status::Ok,
            Role::Description => self.status = Status::error(cut(value)),
            _ => self.attributes.text(name, value),
        }
    }

    fn shown(&mut self, name: &Name, value: &dyn Debug) {
        match name.role {
            Role::Attribute | Role::Secret => self.attributes.shown(name, value),
            _ => self.text(name, &format!("{value:?}")),
        }
    }
}

fn kind(name: &str) -> SpanKind {
    match name {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

macro_rules! visit_into {
    ($owner:ty) => {
        impl Visit for $owner {
            fn record_str(&mut self, field: &Field, value: &str) {
                Name::with(field.name(), |name| self.text(name, value));
            }
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                Name::with(field.name(), |name| self.shown(name, value));
            }
            fn record_i64(&mut self, field: &Field, value: i64) {
                Name::with(field.name(), |name| self.attributes.number(name, value));
            }
            fn record_u64(&mut self, field: &Field, value: u64) {
                self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
            }
            fn record_f64(&mut self, field: &Field, value: f64) {
                Name::with(field.name(), |name| self.attributes.float(name, value));
            }
            fn record_bool(&mut self, field: &Field, value: bool) {
                Name::with(field.name(), |name| self.attributes.flag(name, value));
            }
        }
    };
}
visit_into!(Recording);
visit_into!(EventFields);

/// The message and the fields of an event.
struct EventFields {
    message: String,
    attributes: Attributes,
}

impl EventFields {
    fn text(&mut self, name: &Name, value: &str) {
        match name.role {
            Role::Message => self.message = cut(value),
            _ => self.attributes.text(name, value),
        }
    }

    fn shown(&mut self, name: &Name, value: &dyn Debug) {
        match name.role {
            Role::Message => self.message = cut(&format!("{value:?}")),
            _ => self.attributes.shown(name, value),
        }
    }
}

/// The text, or its beginning.
fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or(text)
        .to_owned()
}
