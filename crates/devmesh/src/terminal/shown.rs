//! What of a text may go to a terminal. Names, messages and answers come from others: a control character among them would
//! move the cursor over what stands there, give the window a title, or fill the clipboard.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with line breaks, tabs and styles (`ESC [ … m`); any other control character is written out.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text
        .chars()
        .any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t'))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '\n' | '\t' => 1,
            '\r' if rest[1..].starts_with('\n') => 1,
            '\x1b' => style(rest).unwrap_or(0),
            letter if letter.is_control() => 0,
            letter => letter.len_utf8(),
        };
        if length > 0 {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "{}", letter.escape_default());
            rest = &rest[letter.len_utf8()..];
        }
    }
    Cow::Owned(out)
}

/// The length of the style that the text begins with.
fn style(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\x1b[")?;
    let end = numbers.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
    numbers[end..].starts_with('m').then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::{BAD, paint};

    #[test]
    fn our_styles_and_line_breaks_pass() {
        let text = format!("{}\tone\r\ntwo ünï\n", paint(BAD, "late"));
        assert_eq!(shown(&text), text);
    }

    #[test]
    fn what_would_steer_the_terminal_is_written_out() {
        for (given, expected) in [
            ("a\x1b[2J\x1b[Hb", "a\\u{1b}[2J\\u{1b}[Hb"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("\x1b]52;c;c2VjcmV0\x1b\\", "\\u{1b}]52;c;c2VjcmV0\\u{1b}\\"),
            ("done\rlate", "done\\rlate"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("x\x08\x7f", "x\\u{8}\\u{7f}"),
            ("\x1b[31", "\\u{1b}[31"),
            ("\x1b", "\\u{1b}"),
        ] {
            assert_eq!(shown(given), expected);
        }
    }
}
