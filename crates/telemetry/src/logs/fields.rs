//! Fields as JSON values, and the few that spans pass on to the lines inside of them.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;
use tracing::field::{Field, Visit};

/// Longest text of one field, in bytes; the rest is cut off.
const MAX_TEXT: usize = 8_192;

/// Names that a line's standard fields use.
const RESERVED: &[&str] = &[
    "time",
    "level",
    "msg",
    "service",
    "version",
    "environment",
    "caller",
    "trace_id",
    "span_id",
];

/// Who and for what: taken from the spans around an event. Shared: every line inside of the span has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lifted {
    pub(crate) correlation_id: Option<Arc<str>>,
    pub(crate) tenant_id: Option<Arc<str>>,
    pub(crate) user_id: Option<Arc<str>>,
}

impl Lifted {
    fn slot(&mut self, name: &str) -> Option<&mut Option<Arc<str>>> {
        match name {
            "correlation_id" => Some(&mut self.correlation_id),
            "tenant_id" => Some(&mut self.tenant_id),
            "user_id" => Some(&mut self.user_id),
            _ => None,
        }
    }

    /// Takes from an outer span what is not known yet.
    pub(crate) fn fill_from(&mut self, outer: &Lifted) {
        for (own, outer) in [
            (&mut self.correlation_id, &outer.correlation_id),
            (&mut self.tenant_id, &outer.tenant_id),
            (&mut self.user_id, &outer.user_id),
        ] {
            if own.is_none() {
                own.clone_from(outer);
            }
        }
    }
}

impl Visit for Lifted {
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(slot) = self.slot(field.name()) {
            *slot = Some(cut(value.to_owned()).into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(slot) = self.slot(field.name()) {
            *slot = Some(cut(format!("{value:?}")).into());
        }
    }
}

/// An event's message and its own fields.
#[derive(Default)]
pub(crate) struct EventFields {
    pub(crate) message: String,
    pub(crate) critical: bool,
    pub(crate) lifted: Lifted,
    /// In the order in which they were recorded; each name once.
    pub(crate) own: Vec<(Cow<'static, str>, Value)>,
}

impl EventFields {
    pub(crate) fn of(event: &tracing::Event<'_>) -> Self {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        fields
    }

    fn text(&mut self, name: &'static str, value: String) {
        if name == "message" {
            self.message = cut(value);
        } else if let Some(slot) = self.lifted.slot(name) {
            *slot = Some(cut(value).into());
        } else {
            self.put(name, cut(value).into());
        }
    }

    fn put(&mut self, name: &'static str, value: Value) {
        let name = if RESERVED.contains(&name) {
            Cow::Owned(format!("field_{name}"))
        } else {
            Cow::Borrowed(name)
        };
        match self.own.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.own.push((name, value)),
        }
    }
}

impl Visit for EventFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field.name(), format!("{value:?}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "critical" {
            self.critical = value;
        } else {
            self.put(field.name(), value.into());
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}
