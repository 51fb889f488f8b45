//! The line for people at a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::fields::Shown;
use super::layer::Line;
use crate::clock;

/// `time LEVEL message key=value …`, coloured where the output is a terminal.
pub(crate) struct PrettyStyle {
    pub(crate) colour: bool,
    pub(crate) service: &'static str,
}

impl PrettyStyle {
    pub(crate) fn format(&self, line: &Line<'_>) -> Vec<u8> {
        let time = clock::rfc3339(line.time);
        // The time of day to the millisecond; the date is on the prompt above.
        let time = time.get(11..23).unwrap_or(&time);
        let level = line.level();
        let mut text = format!(
            "{} {} {:<10} {}",
            self.dim(time),
            self.level(level),
            self.service,
            plain(line.fields.message())
        );
        for (prefix, name, value) in line.fields.own() {
            let _ = write!(text, " {}", self.dim(&format!("{prefix}{name}=")));
            let _ = match value {
                Shown::Text(value) => write!(text, "{}", plain(value)),
                Shown::Signed(value) => write!(text, "{value}"),
                Shown::Unsigned(value) => write!(text, "{value}"),
                Shown::Float(value) => write!(text, "{value}"),
                Shown::Bool(value) => write!(text, "{value}"),
            };
        }
        let lifted = &line.fields.lifted;
        for (name, value) in [
            (
                "correlation_id",
                lifted.correlation_id.as_deref().map(str::to_owned),
            ),
            (
                "trace_id",
                line.trace.as_ref().map(|trace| trace.trace_id.to_string()),
            ),
        ] {
            if let Some(value) = value {
                let value = plain(&value);
                let _ = write!(text, " {}", self.dim(&format!("{name}={value}")));
            }
        }
        text.push('\n');
        text.into_bytes()
    }

    fn dim(&self, text: &str) -> String {
        if self.colour {
            format!("\x1b[2m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn level(&self, level: &str) -> String {
        let colour = match level {
            "CRITICAL" | "ERROR" => 31,
            "WARN" => 33,
            "INFO" => 32,
            _ => 34,
        };
        if self.colour {
            format!("\x1b[{colour}m{level:>5}\x1b[0m")
        } else {
            format!("{level:>5}")
        }
    }
}

/// The text in one line: what is logged comes from callers too, who must neither begin a line of their own nor steer the
/// terminal.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if letter.is_control() {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
    }
    Cow::Owned(plain)
}
