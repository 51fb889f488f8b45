//! An event's fields, written as JSON where they are found: a line costs nothing for what another style would need.

use std::fmt::Debug;

use tracing::Event;
use tracing::field::{Field, Visit};

use super::fields::Lifted;
use super::shape::{Role, Shape};
use super::text::{ended_text, shown};
use crate::secrets::HIDDEN;

/// The parts of a line that its event decides. Used again for the next event of the thread.
#[derive(Default)]
pub(super) struct Values {
    pub(super) critical: bool,
    pub(super) lifted: Lifted,
    /// Without its quotation marks.
    pub(super) message: Vec<u8>,
    /// The event's own fields, each with a comma before it.
    pub(super) own: Vec<u8>,
}

impl Values {
    /// Forgets the last event and reads this one.
    pub(super) fn read(&mut self, event: &Event<'_>, shape: &Shape) {
        self.critical = false;
        self.lifted = Lifted::default();
        self.message.clear();
        self.own.clear();
        event.record(&mut Reading { values: self, shape });
    }

    /// The most room that is kept for one of its parts.
    pub(super) fn capacity(&self) -> usize {
        self.own.capacity().max(self.message.capacity())
    }
}

struct Reading<'a> {
    values: &'a mut Values,
    shape: &'a Shape,
}

impl Reading<'_> {
    /// Writes the field as one of the event's own, unless another one takes its place; `write` after the quotation mark of
    /// a text.
    #[inline]
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(field) = self.shape.field(field) else {
            return;
        };
        let out = &mut self.values.own;
        match field.role {
            Role::Replaced => {}
            Role::Secret => {
                out.extend_from_slice(field.before_text());
                ended_text(out, HIDDEN);
            }
            _ => {
                out.extend_from_slice(field.before_text());
                write(out);
            }
        }
    }

    /// The same for a number, or what is written like one. One that has no form in JSON is null.
    fn number(&mut self, field: &Field, value: impl serde::Serialize) {
        let Some(shaped) = self.shape.field(field) else {
            return;
        };
        match shaped.role {
            Role::Replaced => {}
            Role::Secret => self.text(field, |_| ()),
            _ => {
                let out = &mut self.values.own;
                out.extend_from_slice(shaped.before_value());
                let written = serde_json::to_writer(out, &value);
                debug_assert!(written.is_ok(), "a number cannot fail to be written");
            }
        }
    }

    fn role(&self, field: &Field) -> Option<Role> {
        self.shape.field(field).map(|field| field.role)
    }
}

impl Visit for Reading<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match self.role(field) {
            Some(Role::Message | Role::Lifted(_)) => self.record_debug(field, &format_args!("{value}")),
            _ => self.text(field, |out| ended_text(out, value)),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match self.role(field) {
            Some(Role::Message) => {
                self.values.message.clear();
                shown(&mut self.values.message, value);
            }
            Some(Role::Lifted(name)) => self.values.lifted.set(name, value),
            _ => self.text(field, |out| {
                shown(out, value);
                out.push(b'"');
            }),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if self.role(field) == Some(Role::Critical) {
            self.values.critical = value;
        } else {
            self.number(field, value);
        }
    }
}
