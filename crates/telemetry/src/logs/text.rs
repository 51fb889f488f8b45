//! Values as JSON writes them.

use std::fmt::{self, Debug, Write as _};

/// Longest text of one field, in bytes; the rest is cut off.
pub(super) const LONGEST: usize = 8_192;
/// What a text that was cut ends in.
const CUT: &str = "…";

/// A text of at most [`LONGEST`] bytes, between quotation marks.
pub(super) fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    ended_text(out, value);
}

/// The same after its first quotation mark.
pub(super) fn ended_text(out: &mut Vec<u8>, value: &str) {
    if value.len() <= LONGEST {
        escaped(out, value);
    } else {
        escaped(
            out,
            value
                .get(..value.floor_char_boundary(LONGEST))
                .unwrap_or_default(),
        );
        out.extend_from_slice(CUT.as_bytes());
    }
    out.push(b'"');
}

/// What `value` shows of itself, as [`text`], without the quotation marks.
pub(super) fn shown(out: &mut Vec<u8>, value: &dyn Debug) {
    // A text that was cut is there up to the cut; a `Debug` that fails has written what it could.
    let _ = write!(Escaping { out, room: LONGEST }, "{value:?}");
}

struct Escaping<'a> {
    out: &'a mut Vec<u8>,
    room: usize,
}

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.room {
            self.room -= text.len();
            escaped(self.out, text);
            return Ok(());
        }
        escaped(
            self.out,
            text.get(..text.floor_char_boundary(self.room))
                .unwrap_or_default(),
        );
        self.out.extend_from_slice(CUT.as_bytes());
        self.room = 0;
        // Nothing of the rest is wanted.
        Err(fmt::Error)
    }
}

/// The text without its quotation marks. Nearly every text needs no escape, and is copied in one piece.
pub(super) fn escaped(out: &mut Vec<u8>, value: &str) {
    if is_plain(value.as_bytes()) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_ok() {
        out.pop();
        out.remove(before);
    }
}

/// How many bytes are looked at in one go.
const PIECE: usize = size_of::<u64>();

/// Whether no byte has to be escaped.
fn is_plain(text: &[u8]) -> bool {
    let (pieces, rest) = text.as_chunks::<PIECE>();
    if pieces.iter().any(|piece| has_special(*piece)) {
        return false;
    }
    match text.last_chunk::<PIECE>() {
        // The rest, and some of the piece before it.
        Some(last) => rest.is_empty() || !has_special(*last),
        None => rest
            .iter()
            .all(|byte| *byte >= b' ' && *byte != b'"' && *byte != b'\\'),
    }
}

/// Whether a byte is a control character, a quotation mark or a backslash: the highest bit of each byte says so, and a
/// carry reaches only bytes above one that is.
fn has_special(piece: [u8; PIECE]) -> bool {
    const EACH: u64 = u64::MAX / 255;
    let word = u64::from_ne_bytes(piece);
    let below = |word: u64, bound: u8| word.wrapping_sub(EACH * u64::from(bound)) & !word;
    let is = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    (below(word, b' ') | is(b'"') | is(b'\\')) & (EACH << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_json_asks_wherever_the_character_is() {
        let specials = ["\"", "\\", "\n", "\u{1}", "\u{1f}", "\u{7f}", "ü", " ", ""];
        for special in specials {
            for (before, after) in [
                (0, 0),
                (1, 0),
                (3, 20),
                (15, 0),
                (15, 1),
                (16, 0),
                (16, 7),
                (40, 40),
            ] {
                let value = format!("{}{special}{}", "a".repeat(before), "b".repeat(after));
                let mut out = Vec::new();
                text(&mut out, &value);
                assert_eq!(
                    String::from_utf8(out).unwrap(),
                    serde_json::to_string(&value).unwrap()
                );
            }
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters_and_says_so() {
        let long = format!("x{}", "ü".repeat(LONGEST));
        let (mut out, mut shown_out) = (Vec::new(), b"\"".to_vec());
        text(&mut out, &long);
        shown(&mut shown_out, &format_args!("{long}{long}"));
        shown_out.push(b'"');
        assert_eq!(out, shown_out);
        let read: String = serde_json::from_slice(&out).unwrap();
        assert_eq!(read.strip_suffix(CUT).unwrap(), &long[..LONGEST - 1]);
    }
}
