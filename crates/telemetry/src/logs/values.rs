//! An event's fields, written as JSON where they are found: a line costs nothing for what another style would need.

use std::fmt::Debug;

use tracing::Event;
use tracing::field::{Field, Visit};

use super::fields::Lifted;
use super::shape::{Role, Shape};
use super::text::{shown, text};

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
    /// Writes the field as one of the event's own, unless another one takes its place.
    #[inline]
    fn own(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(field) = self.shape.field(field)
            && field.role != Role::Replaced
        {
            self.values.own.extend_from_slice(&field.begin);
            write(&mut self.values.own);
        }
    }

    /// A number that has no form in JSON is null.
    fn number(&mut self, field: &Field, value: impl serde::Serialize) {
        self.own(field, |out| {
            let written = serde_json::to_writer(out, &value);
            debug_assert!(written.is_ok(), "a number cannot fail to be written");
        });
    }

    fn role(&self, field: &Field) -> Option<Role> {
        self.shape.field(field).map(|field| field.role)
    }
}

impl Visit for Reading<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match self.role(field) {
            Some(Role::Message | Role::Lifted(_)) => self.record_debug(field, &format_args!("{value}")),
            _ => self.own(field, |out| text(out, value)),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match self.role(field) {
            Some(Role::Message) => {
                self.values.message.clear();
                shown(&mut self.values.message, value);
            }
            Some(Role::Lifted(name)) => self.values.lifted.set(name, value),
            _ => self.own(field, |out| {
                out.push(b'"');
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
