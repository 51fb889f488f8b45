//! The attributes of a span or of an event, in OTLP's encoding from the moment that they are recorded: a span is written
//! down up to twice and sent once, and each time its attributes are copied in one piece.

use std::fmt::{self, Debug, Write as _};

use super::wire::put::{begin, bytes, fixed64, nested, number, sized};

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
    encoded: Vec<u8>,
    entries: Vec<Entry>,
    /// A bit for each name that is there, which others may share: one whose bit is not set is new.
    names: u64,
    dropped: u32,
}

/// One of them, from one place in the encoding to the next one's.
#[derive(Debug)]
struct Entry {
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
            encoded: Vec::new(),
            entries: Vec::new(),
            names: 0,
            dropped: 0,
        }
    }

    /// Fields of the span or event, each with its key.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// How many were too many.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The value of this name, if it is a text.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        let at = self.entries.iter().position(|entry| entry.name == name)?;
        let text = self.encoded.get(self.entries[at].text?..self.end(at))?;
        std::str::from_utf8(text).ok()
    }

    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        let value = value.get(..value.floor_char_boundary(LONGEST)).unwrap_or(value);
        self.add(name, sized(value.len()), |out| {
            begin(out, 1, value.len());
            let text = out.len();
            out.extend_from_slice(value.as_bytes());
            Some(text)
        });
    }

    /// What `value` shows of itself, as far as there is room.
    pub(super) fn shown(&mut self, name: &'static str, value: &dyn Debug) {
        let Some(name) = self.entry(name) else { return };
        let mut text = 0;
        nested(&mut self.encoded, self.tag, |out| {
            bytes(out, 1, name.as_bytes());
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

    pub(super) fn number(&mut self, name: &'static str, value: i64) {
        let value = value.cast_unsigned();
        let bits = u64::BITS - (value | 1).leading_zeros();
        self.add(name, 1 + bits.div_ceil(7) as usize, |out| {
            number(out, 3, value);
            None
        });
    }

    pub(super) fn float(&mut self, name: &'static str, value: f64) {
        self.add(name, 9, |out| {
            fixed64(out, 4, value.to_bits());
            None
        });
    }

    pub(super) fn flag(&mut self, name: &'static str, value: bool) {
        self.add(name, 2, |out| {
            number(out, 2, u64::from(value));
            None
        });
    }

    /// Adds one whose value, with its key, takes `length` bytes; `write` answers where in it a text begins.
    fn add(&mut self, name: &'static str, length: usize, write: impl FnOnce(&mut Vec<u8>) -> Option<usize>) {
        let Some(name) = self.entry(name) else { return };
        let out = &mut self.encoded;
        begin(out, self.tag, sized(name.len()) + sized(length));
        bytes(out, 1, name.as_bytes());
        begin(out, 2, length);
        let text = write(out);
        self.end_entry(text);
    }

    /// Begins one, in place of an earlier one of its name; none if there is no room for another.
    fn entry(&mut self, name: &'static str) -> Option<&'static str> {
        let name = match name {
            "tenant_id" => "tenant.id",
            "user_id" => "user.id",
            other => other,
        };
        let bit = bit(name);
        let is_known = self.names & bit != 0;
        self.names |= bit;
        let known = || self.entries.iter().position(|entry| entry.name == name);
        if let Some(at) = is_known.then(known).flatten() {
            self.remove(at);
        } else if self.entries.len() >= MOST {
            self.dropped += 1;
            return None;
        }
        if self.entries.capacity() == 0 {
            self.entries.reserve(USUAL);
            self.encoded.reserve(USUAL_BYTES);
        }
        self.entries.push(Entry {
            name,
            begin: self.encoded.len(),
            text: None,
        });
        Some(name)
    }

    fn end_entry(&mut self, text: Option<usize>) {
        if let Some(entry) = self.entries.last_mut() {
            entry.text = text;
        }
    }

    fn end(&self, at: usize) -> usize {
        let next = self.entries.get(at + 1);
        next.map_or(self.encoded.len(), |next| next.begin)
    }

    fn remove(&mut self, at: usize) {
        let (begin, end) = (self.entries[at].begin, self.end(at));
        self.encoded.drain(begin..end);
        self.entries.remove(at);
        for later in &mut self.entries[at..] {
            later.begin -= end - begin;
            later.text = later.text.map(|text| text - (end - begin));
        }
    }
}

/// Names differ in their length or their last letters more often than not.
fn bit(name: &str) -> u64 {
    let last = name
        .as_bytes()
        .last_chunk::<2>()
        .map_or(0, |[a, b]| a ^ b.rotate_left(3));
    1 << (usize::from(last).wrapping_add(name.len().wrapping_mul(11)) % 64)
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

    #[test]
    fn texts_are_found_also_after_another_one_was_replaced() {
        let mut attributes = Attributes::of_span();
        for name in NAMES {
            attributes.text(name, name);
        }
        attributes.number("two", 2);
        attributes.shown("one", &format_args!("new {}", 1));
        assert_eq!(attributes.text_of("one"), Some("new 1"));
        assert_eq!(attributes.text_of("two"), None);
        assert_eq!(attributes.text_of("three"), Some("three"));
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let long = "ü".repeat(LONGEST);
        let mut attributes = Attributes::of_span();
        attributes.text("one", &format!("x{long}"));
        attributes.shown("two", &format_args!("x{long}{long}"));
        let cut = attributes.text_of("one").unwrap();
        assert_eq!(cut.len(), LONGEST - 1);
        assert_eq!(attributes.text_of("two"), Some(cut));
    }

    #[test]
    fn what_is_too_many_is_counted() {
        let mut attributes = Attributes::of_span();
        for number in 0..MOST + 3 {
            attributes.text(format!("name {number}").leak(), "x");
        }
        attributes.text("name 0", "replaced");
        assert_eq!(attributes.dropped(), 3);
        assert_eq!(attributes.text_of("name 0"), Some("replaced"));
    }
}
