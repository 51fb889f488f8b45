//! The line as a JSON object.

use super::fields::Shown;
use super::layer::Line;
use crate::clock;
use crate::config::LogField;
use crate::digits;
use crate::service::ServiceInfo;

/// Which standard fields a line carries, in the contract's order.
pub(crate) struct JsonStyle {
    parts: Vec<Part>,
}

/// What follows the message.
enum Part {
    /// The same in every line, with its comma: `,"service":"worker"`.
    Fixed(Vec<u8>),
    /// The line's own value, where it has one.
    Of(LogField),
}

impl JsonStyle {
    pub(crate) fn new(info: &ServiceInfo, fields: &[LogField]) -> Self {
        let fixed = |name: &str, value: &str| {
            let mut member = format!(",\"{name}\":").into_bytes();
            text(&mut member, value);
            Part::Fixed(member)
        };
        let part = |field: LogField| match field {
            LogField::Service => fixed("service", info.name),
            LogField::Version => fixed("version", info.version),
            LogField::Environment => fixed("environment", &info.environment),
            field => Part::Of(field),
        };
        let chosen = LogField::ALL
            .iter()
            .copied()
            .filter(|field| fields.contains(field));
        JsonStyle {
            parts: chosen.map(part).collect(),
        }
    }

    /// Appends the line to `out`.
    pub(crate) fn format(&self, line: &Line<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        clock::write_rfc3339(line.time, out);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(line.level().as_bytes());
        out.extend_from_slice(b"\",\"msg\":");
        text(out, line.fields.message());
        for part in &self.parts {
            match part {
                Part::Fixed(text) => out.extend_from_slice(text),
                Part::Of(field) => standard(*field, line, out),
            }
        }
        for (prefix, own, value) in line.fields.own() {
            out.extend_from_slice(b",\"");
            if !prefix.is_empty() {
                out.extend_from_slice(prefix.as_bytes());
            }
            escaped(out, own);
            out.extend_from_slice(b"\":");
            scalar(out, value);
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Writes a standard field, if the line has it.
fn standard(field: LogField, line: &Line<'_>, out: &mut Vec<u8>) {
    let lifted = &line.fields.lifted;
    let (begin, value) = match field {
        LogField::CorrelationId => (",\"correlation_id\":", &lifted.correlation_id),
        LogField::TenantId => (",\"tenant_id\":", &lifted.tenant_id),
        LogField::UserId => (",\"user_id\":", &lifted.user_id),
        LogField::TraceId => {
            return id(
                out,
                ",\"trace_id\":\"",
                line.trace.as_ref().map(|trace| trace.trace_id.to_bytes()),
            );
        }
        LogField::SpanId => {
            return id(
                out,
                ",\"span_id\":\"",
                line.trace.as_ref().map(|trace| trace.span_id.to_bytes()),
            );
        }
        LogField::Caller => return caller(out, line),
        // The same in every line: written before.
        LogField::Service | LogField::Version | LogField::Environment => return,
    };
    if let Some(value) = value {
        out.extend_from_slice(begin.as_bytes());
        text(out, value);
    }
}

/// Identifiers of traces and spans.
fn id<const N: usize>(out: &mut Vec<u8>, begin: &str, bytes: Option<[u8; N]>) {
    let Some(bytes) = bytes else { return };
    out.extend_from_slice(begin.as_bytes());
    let from = out.len();
    out.resize(from + 2 * N, b'0');
    digits::put(&bytes, out.get_mut(from..).unwrap_or_default());
    out.push(b'"');
}

/// The place in the source.
fn caller(out: &mut Vec<u8>, line: &Line<'_>) {
    let (Some(file), Some(number)) = (line.metadata.file(), line.metadata.line()) else {
        return;
    };
    out.extend_from_slice(b",\"caller\":\"");
    escaped(out, file);
    out.push(b':');
    scalar(out, Shown::Unsigned(number.into()));
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    escaped(out, value);
    out.push(b'"');
}

/// The text without its quotation marks. Nearly every text needs no escape, and is copied in one piece.
fn escaped(out: &mut Vec<u8>, value: &str) {
    let plain = value.bytes().fold(true, |plain, byte| {
        plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\')
    });
    if plain {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_ok() {
        out.pop();
        out.remove(before);
    }
}

/// A number that has no form in JSON is null.
fn scalar(out: &mut Vec<u8>, value: Shown<'_>) {
    let written = match value {
        Shown::Text(value) => return text(out, value),
        Shown::Signed(value) => serde_json::to_writer(&mut *out, &value),
        Shown::Unsigned(value) => serde_json::to_writer(&mut *out, &value),
        Shown::Float(value) => serde_json::to_writer(&mut *out, &value),
        Shown::Bool(value) => serde_json::to_writer(&mut *out, &value),
    };
    debug_assert!(written.is_ok(), "a number cannot fail to be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_json_asks() {
        for value in [
            "",
            "plain",
            "ünï",
            "a\"b",
            "back\\slash",
            "line\nfeed",
            "\u{1}\u{7f}",
        ] {
            let mut out = Vec::new();
            text(&mut out, value);
            let read: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(read, value, "{}", String::from_utf8_lossy(&out));
        }
    }

    #[test]
    fn numbers_without_a_form_in_json_are_null() {
        let mut out = Vec::new();
        scalar(&mut out, Shown::Float(f64::NAN));
        assert_eq!(out, b"null");
    }
}
