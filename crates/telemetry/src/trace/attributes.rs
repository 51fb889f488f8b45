//! The attributes of a span or of an event, in OTLP's encoding from the moment that they are recorded: a span is written
//! down up to twice and sent once, and each time its attributes are copied in one piece.

use std::fmt::{self, Debug, Write as _};

use super::name::{Name, Role};
use super::room::Room;
use super::wire::put::{BYTES, begin, fixed64, nested, number, sized};
use crate::secrets::HIDDEN;

/// Most attributes of one span or event; what is beyond is counted in it, as OpenTelemetry asks.
const MOST: usize = 128;
/// Longest text, in bytes; the rest is cut off.
const LONGEST: usize = 4_096;
/// Room for what most spans have: growing it little by little costs more than the rest.
const USUAL: usize = 16;
const USUAL_BYTES: usize = 640;

/// A bounded list; a later value of the same name replaces the earlier.
#[derive(Debug)]
pub(super) struct Attributes {
    /// The number of the field that they are.
    tag: u8,
    room: Room,
    /// A bit for each name that is there, which others may share: one whose bit is not set is new.
    names: u64,
    dropped: u32,
}

/// One of them, from one place in the encoding to the next one's.
#[derive(Debug)]
pub(super) struct Entry {
    name: &'static str,
    begin: usize,
    /// Where its text begins, which goes up to its end; none for what is no text.
    text: Option<usize>,
}

impl Attributes {
    pub(super) fn of_span() -> Self {
        Self::tagged(9)
    }

    pub(super) fn of_event() -> Self {
        Self::tagged(3)
    }

    fn tagged(tag: u8) -> Self {
        Self {
            tag,
            room: Room::default(),
            names: 0,
            dropped: 0,
        }
    }

    /// Fields of the span or event, each with its key.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.room.encoded
    }

    /// How many were too many.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The value of this name, if it is a text.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        let at = self.room.entries.iter().position(|entry| entry.name == name)?;
        let text = self.room.encoded.get(self.room.entries[at].text?..self.end(at))?;
        std::str::from_utf8(text).ok()
    }

    pub(super) fn text(&mut self, name: &Name, value: &str) {
        let value = match value.len() {
            _ if name.role == Role::Secret => HIDDEN,
            ..=LONGEST => value,
            _ => value
                .get(..value.floor_char_boundary(LONGEST))
                .unwrap_or_default(),
        };
        let inner = sized(value.len());
        let whole = name.encoded.len() + sized(inner);
        if whole < 0x80 {
            return self.short(name, whole, inner, value);
        }
        self.add(name, inner, |out| {
            begin(out, 1, value.len());
            let text = out.len();
            out.extend_from_slice(value.as_bytes());
            Some(text)
        });
    }

    /// The same for one that is short, as nearly all are: each of its lengths is one byte.
    fn short(&mut self, name: &Name, whole: usize, inner: usize, value: &str) {
        if !self.entry(name) {
            return;
        }
        let (tag, out) = (self.tag << 3 | BYTES, &mut self.room.encoded);
        out.extend_from_slice(&[tag, whole as u8]);
        out.extend_from_slice(&name.encoded);
        out.extend_from_slice(&[2 << 3 | BYTES, inner as u8, 1 << 3 | BYTES, value.len() as u8]);
        let text = out.len();
        out.extend_from_slice(value.as_bytes());
        self.end_entry(Some(text));
    }

    /// What `value` shows of itself, as far as there is room.
    pub(super) fn shown(&mut self, name: &Name, value: &dyn Debug) {
        if name.role == Role::Secret {
            return self.text(name, HIDDEN);
        }
        if !self.entry(name) {
            return;
        }
        let mut text = 0;
        nested(&mut self.room.encoded, self.tag, |out| {
            out.extend_from_slice(&name.encoded);
            nested(out, 2, |out| {
                nested(out, 1, |out| {
                    text = out.len();
                    let room = LONGEST;
                    // What is beyond the room, or what a `Debug` fails in, is left out.
                    let _ = write!(Bounded { out, room }, "{value:?}");
                });
            });
        });
        self.end_entry(Some(text));
    }

    pub(super) fn number(&mut self, name: &Name, value: i64) {
        let value = value.cast_unsigned();
        let bits = u64::BITS - (value | 1).leading_zeros();
        self.plain(name, 1 + bits.div_ceil(7) as usize, |out| number(out, 3, value));
    }

    pub(super) fn float(&mut self, name: &Name, value: f64) {
        self.plain(name, 9, |out| fixed64(out, 4, value.to_bits()));
    }

    pub(super) fn flag(&mut self, name: &Name, value: bool) {
        self.plain(name, 2, |out| number(out, 2, u64::from(value)));
    }

    /// What is no text.
    fn plain(&mut self, name: &Name, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if name.role == Role::Secret {
            return self.text(name, HIDDEN);
        }
        self.add(name, length, |out| {
            write(out);
            None
        });
    }

    /// Adds one whose value, with its key, takes `length` bytes; `write` answers where in it a text begins.
    fn add(&mut self, name: &Name, length: usize, write: impl FnOnce(&mut Vec<u8>) -> Option<usize>) {
        if !self.entry(name) {
            return;
        }
        let out = &mut self.room.encoded;
        begin(out, self.tag, name.encoded.len() + sized(length));
        out.extend_from_slice(&name.encoded);
        begin(out, 2, length);
        let text = write(out);
        self.end_entry(text);
    }

    /// Begins one, in place of an earlier one of its name; false if there is no room for another.
    fn entry(&mut self, name: &Name) -> bool {
        let is_known = self.names & name.bit != 0;
        self.names |= name.bit;
        let known = || self.room.entries.iter().position(|entry| entry.name == name.name);
        if let Some(at) = is_known.then(known).flatten() {
            self.remove(at);
        } else if self.room.entries.len() >= MOST {
            self.dropped += 1;
            return false;
        }
        if self.room.entries.capacity() == 0 {
            self.room = Room::take();
            self.room.entries.reserve(USUAL);
            self.room.encoded.reserve(USUAL_BYTES);
        }
        self.room.entries.push(Entry {
            name: name.name,
            begin: self.room.encoded.len(),
            text: None,
        });
        true
    }

    fn end_entry(&mut self, text: Option<usize>) {
        if let Some(entry) = self.room.entries.last_mut() {
            entry.text = text;
        }
    }

    fn end(&self, at: usize) -> usize {
        let next = self.room.entries.get(at + 1);
        next.map_or(self.room.encoded.len(), |next| next.begin)
    }

    fn remove(&mut self, at: usize) {
        let (begin, end) = (self.room.entries[at].begin, self.end(at));
        self.room.encoded.drain(begin..end);
        self.room.entries.remove(at);
        for later in &mut self.room.entries[at..] {
            later.begin -= end - begin;
            later.text = later.text.map(|text| text - (end - begin));
        }
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        std::mem::take(&mut self.room).give_back();
    }
}

/// Writes up to a number of bytes.
struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    room: usize,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text
            .get(..text.floor_char_boundary(self.room))
            .unwrap_or_default();
        self.out.extend_from_slice(fits.as_bytes());
        if fits.len() < text.len() {
            self.room = 0;
            return Err(fmt::Error);
        }
        self.room -= fits.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["one", "two", "three"];

    fn text(attributes: &mut Attributes, name: &'static str, value: &str) {
        Name::with(name, |name| attributes.text(name, value));
    }

    fn shown(attributes: &mut Attributes, name: &'static str, value: &dyn Debug) {
        Name::with(name, |name| attributes.shown(name, value));
    }

    #[test]
    fn texts_are_found_also_after_another_one_was_replaced() {
        let mut attributes = Attributes::of_span();
        for name in NAMES {
            text(&mut attributes, name, name);
        }
        Name::with("two", |name| attributes.number(name, 2));
        shown(&mut attributes, "one", &format_args!("new {}", 1));
        assert_eq!(attributes.text_of("one"), Some("new 1"));
        assert_eq!(attributes.text_of("two"), None);
        assert_eq!(attributes.text_of("three"), Some("three"));
    }

    #[test]
    fn what_is_named_as_a_secret_is_not_kept() {
        let mut attributes = Attributes::of_span();
        text(&mut attributes, "password", "hunter2");
        shown(&mut attributes, "api_key", &"hunter2");
        Name::with("admin_token", |name| attributes.number(name, 7));
        for name in ["password", "api_key", "admin_token"] {
            assert_eq!(attributes.text_of(name), Some(HIDDEN), "{name}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let long = "ü".repeat(LONGEST);
        let mut attributes = Attributes::of_span();
        text(&mut attributes, "one", &format!("x{long}"));
        shown(&mut attributes, "two", &format_args!("x{long}{long}"));
        let cut = attributes.text_of("one").unwrap();
        assert_eq!(cut.len(), LONGEST - 1);
        assert_eq!(attributes.text_of("two"), Some(cut));
    }

    #[test]
    fn what_is_too_many_is_counted() {
        let mut attributes = Attributes::of_span();
        for number in 0..MOST + 3 {
            text(&mut attributes, format!("name {number}").leak(), "x");
        }
        text(&mut attributes, "name 0", "replaced");
        assert_eq!(attributes.dropped(), 3);
        assert_eq!(attributes.text_of("name 0"), Some("replaced"));
    }
}
