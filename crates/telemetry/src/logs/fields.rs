//! Fields of events, and the few that spans pass on to the lines inside of them.

use std::fmt::{Debug, Write as _};
use std::ops::Range;
use std::sync::Arc;

use tracing::field::{Field, Visit};

use super::text::LONGEST;
use crate::secrets::{HIDDEN, is_secret};

/// Whether a line's standard fields use this name.
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "time" | "level" | "msg" | "service" | "version" | "environment" | "caller" | "trace_id" | "span_id"
    )
}

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

    /// Keeps what `value` shows of itself, if `name` is one of them.
    pub(super) fn set(&mut self, name: &str, value: &dyn Debug) {
        if let Some(slot) = self.slot(name) {
            let mut text = format!("{value:?}");
            cut(&mut text, 0);
            *slot = Some(text.into());
        }
    }

    /// Whether an outer span has nothing to add.
    pub(super) fn is_full(&self) -> bool {
        self.correlation_id.is_some() && self.tenant_id.is_some() && self.user_id.is_some()
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
        let Some(slot) = self.slot(field.name()) else {
            return;
        };
        if value.len() <= LONGEST {
            *slot = Some(value.into());
        } else {
            let mut text = value.to_owned();
            cut(&mut text, 0);
            *slot = Some(text.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field.name(), value);
    }
}

/// An event's message and its own fields. Texts lie one after the other in one string, and all of it is used again for
/// the next event of the thread: a line costs no allocation for each of its fields.
#[derive(Default)]
pub(crate) struct EventFields {
    pub(crate) critical: bool,
    pub(crate) lifted: Lifted,
    message: Range<usize>,
    texts: String,
    own: Vec<Own>,
}

/// A field of the event's own.
struct Own {
    name: &'static str,
    value: Scalar,
}

enum Scalar {
    /// In [`EventFields::texts`].
    Text(Range<usize>),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
}

/// The value of a field as a line shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shown<'a> {
    Text(&'a str),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
}

impl EventFields {
    /// Forgets the last event and reads this one.
    pub(crate) fn read(&mut self, event: &tracing::Event<'_>) {
        self.critical = false;
        self.lifted = Lifted::default();
        self.message = 0..0;
        self.texts.clear();
        self.own.clear();
        event.record(self);
    }

    pub(crate) fn message(&self) -> &str {
        self.texts.get(self.message.clone()).unwrap_or_default()
    }

    /// The event's name, if it has one.
    pub(crate) fn event(&self) -> Option<&str> {
        let own = self.own.iter().find(|own| own.name == "event")?;
        match &own.value {
            Scalar::Text(range) => self.texts.get(range.clone()),
            _ => None,
        }
    }

    /// In the order in which they were recorded; each name once, and those of standard fields with a prefix before them.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&'static str, &'static str, Shown<'_>)> {
        self.own.iter().map(|own| {
            let prefix = if is_reserved(own.name) { "field_" } else { "" };
            let value = match &own.value {
                Scalar::Text(range) => Shown::Text(self.texts.get(range.clone()).unwrap_or_default()),
                Scalar::Signed(value) => Shown::Signed(*value),
                Scalar::Unsigned(value) => Shown::Unsigned(*value),
                Scalar::Float(value) => Shown::Float(*value),
                Scalar::Bool(value) => Shown::Bool(*value),
            };
            (prefix, own.name, value)
        })
    }

    /// What `write` adds to the texts becomes the value of `name`.
    fn text(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        let begin = self.texts.len();
        if is_secret(name) {
            self.texts.push_str(HIDDEN);
        } else {
            write(&mut self.texts);
        }
        cut(&mut self.texts, begin);
        let range = begin..self.texts.len();
        if name == "message" {
            self.message = range;
        } else if let Some(slot) = self.lifted.slot(name) {
            *slot = self.texts.get(range).map(Arc::from);
        } else {
            self.put(name, Scalar::Text(range));
        }
    }

    fn number(&mut self, name: &'static str, value: Scalar) {
        if is_secret(name) {
            self.text(name, |_| ());
        } else {
            self.put(name, value);
        }
    }

    fn put(&mut self, name: &'static str, value: Scalar) {
        match self.own.iter_mut().find(|own| own.name == name) {
            Some(own) => own.value = value,
            None => self.own.push(Own { name, value }),
        }
    }
}

impl Visit for EventFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), |texts| texts.push_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field.name(), |texts| {
            // Writing to a string does not fail; a `Debug` that does has written what it could.
            let _ = write!(texts, "{value:?}");
        });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field.name(), Scalar::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), Scalar::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field.name(), Scalar::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "critical" {
            self.critical = value;
        } else {
            self.number(field.name(), Scalar::Bool(value));
        }
    }
}

/// Cuts what follows `begin` to the longest text of a field.
fn cut(text: &mut String, begin: usize) {
    if text.len() - begin > LONGEST {
        text.truncate(text.floor_char_boundary(begin + LONGEST));
        text.push('…');
    }
}
