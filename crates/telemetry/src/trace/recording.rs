//! What an exported span keeps while it is open.

use std::fmt::Debug;
use std::time::SystemTime;

use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
use tracing::field::{Field, Visit};

use super::wire::Known;
use super::{TraceContext, journal};
use crate::clock;

/// Bounds of one span; what is beyond is counted in the span itself, as OpenTelemetry asks.
const MAX_ATTRIBUTES: usize = 128;
const MAX_EVENTS: usize = 128;
const MAX_LINKS: usize = 128;
const MAX_TEXT: usize = 4_096;
const USUAL_ATTRIBUTES: usize = 16;

/// Name, times, attributes and events of an open span.
#[derive(Debug)]
pub(crate) struct Recording {
    name: std::borrow::Cow<'static, str>,
    kind: SpanKind,
    start: SystemTime,
    status: Status,
    attributes: Attributes,
    events: SpanEvents,
    links: SpanLinks,
}

impl Recording {
    pub(crate) fn begin(name: &'static str) -> Self {
        Recording {
            name: name.into(),
            kind: SpanKind::Internal,
            start: clock::now(),
            status: Status::Unset,
            // Room for what most spans have: growing it little by little costs more than the rest.
            attributes: Attributes {
                list: Vec::with_capacity(USUAL_ATTRIBUTES),
                dropped: 0,
            },
            events: SpanEvents::default(),
            links: SpanLinks::default(),
        }
    }

    /// Keeps an event that happened inside of the span; an error marks the span.
    pub(crate) fn event(&mut self, event: &tracing::Event<'_>) {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let level = event.metadata().level();
        if *level == tracing::Level::ERROR && self.status == Status::Unset {
            self.status = Status::error(fields.message.clone());
        }
        if self.events.events.len() >= MAX_EVENTS {
            self.events.dropped_count += 1;
            return;
        }
        let mut attributes = fields.attributes.list;
        attributes.push(KeyValue::new("level", level.as_str()));
        let name = if fields.message.is_empty() {
            event.metadata().name().to_owned()
        } else {
            fields.message
        };
        self.events.events.push(Event::new(
            name,
            clock::now(),
            attributes,
            fields.attributes.dropped,
        ));
    }

    /// Links the span to another one.
    pub(crate) fn link(&mut self, to: &TraceContext) {
        if self.links.links.len() >= MAX_LINKS {
            self.links.dropped_count += 1;
            return;
        }
        let to = span_context(to, to.sampled, true);
        self.links.links.push(Link::new(to, Vec::new(), 0));
    }

    /// What is known of the span while it is open; `context` is its own.
    pub(super) fn known<'a>(
        &'a self,
        context: &'a SpanContext,
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
            attributes: &self.attributes.list,
            events: &self.events.events,
            links: &self.links.links,
            dropped: [
                self.attributes.dropped,
                self.events.dropped_count,
                self.links.dropped_count,
            ],
            status: &self.status,
        }
    }

    /// When the span began.
    pub(super) fn started(&self) -> SystemTime {
        self.start
    }

    /// An attribute that is a text.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        let found = self
            .attributes
            .list
            .iter()
            .find(|pair| pair.key.as_str() == name)?;
        match &found.value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// Writes down what is known of the span while it is open.
    pub(crate) fn note(
        &self,
        records: &mut Vec<u8>,
        context: &TraceContext,
        parent: SpanId,
        parent_is_remote: bool,
    ) {
        let own = span_context(context, true, false);
        let known = self.known(&own, parent, parent_is_remote);
        journal::note(records, &known);
    }

    fn text(&mut self, field: &Field, value: &str) {
        match field.name() {
            "otel.name" => self.name = value.to_owned().into(),
            "otel.kind" => self.kind = kind(value),
            "otel.status_code" if value.eq_ignore_ascii_case("error") => {
                if !matches!(self.status, Status::Error { .. }) {
                    self.status = Status::error("");
                }
            }
            "otel.status_code" => self.status = Status::Ok,
            "otel.status_description" => self.status = Status::error(value.to_owned()),
            name => self.attributes.set(name, cut(value).into()),
        }
    }
}

pub(super) fn span_context(context: &TraceContext, sampled: bool, remote: bool) -> SpanContext {
    // With the mesh's own entry: a collector that samples by the tail keeps such a trace.
    let state = context.debug.put(context.state.as_deref());
    let state = state.and_then(|state| state.parse().ok());
    let flags = if sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    let state = state.unwrap_or(TraceState::NONE);
    SpanContext::new(context.trace_id, context.span_id, flags, remote, state)
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
    ($owner:ty, $text:ident) => {
        impl Visit for $owner {
            fn record_str(&mut self, field: &Field, value: &str) {
                self.$text(field, value);
            }
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.$text(field, &format!("{value:?}"));
            }
            fn record_i64(&mut self, field: &Field, value: i64) {
                self.attributes.set(field.name(), Value::I64(value));
            }
            fn record_u64(&mut self, field: &Field, value: u64) {
                self.attributes.set(
                    field.name(),
                    Value::I64(i64::try_from(value).unwrap_or(i64::MAX)),
                );
            }
            fn record_f64(&mut self, field: &Field, value: f64) {
                self.attributes.set(field.name(), Value::F64(value));
            }
            fn record_bool(&mut self, field: &Field, value: bool) {
                self.attributes.set(field.name(), Value::Bool(value));
            }
        }
    };
}
visit_into!(Recording, text);
visit_into!(EventFields, text);

/// The message and the fields of an event.
#[derive(Default)]
struct EventFields {
    message: String,
    attributes: Attributes,
}

impl EventFields {
    fn text(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = cut(value),
            name => self.attributes.set(name, cut(value).into()),
        }
    }
}

/// A bounded attribute list; a later value of the same name replaces the earlier.
#[derive(Debug, Default)]
struct Attributes {
    list: Vec<KeyValue>,
    dropped: u32,
}

impl Attributes {
    fn set(&mut self, name: &'static str, value: Value) {
        let name = match name {
            "tenant_id" => "tenant.id",
            "user_id" => "user.id",
            other => other,
        };
        if let Some(known) = self
            .list
            .iter_mut()
            .find(|attribute| attribute.key.as_str() == name)
        {
            known.value = value;
        } else if self.list.len() < MAX_ATTRIBUTES {
            self.list.push(KeyValue::new(Key::from_static_str(name), value));
        } else {
            self.dropped += 1;
        }
    }
}

/// The text, or its beginning.
fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or(text)
        .to_owned()
}
