//! The line as a JSON object.

use std::time::SystemTime;

use super::layer::level;
use super::shape::Shape;
use super::text::text;
use super::values::Values;
use crate::clock;
use crate::config::LogField;
use crate::digits;
use crate::service::ServiceInfo;
use crate::trace::TraceContext;

/// One event with all that its line shows.
pub(super) struct JsonLine<'a> {
    pub(super) time: SystemTime,
    pub(super) level: tracing::Level,
    pub(super) shape: &'a Shape,
    pub(super) values: &'a Values,
    pub(super) trace: Option<&'a TraceContext>,
}

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
        let mut parts: Vec<Part> = Vec::new();
        for field in chosen {
            match (parts.last_mut(), part(field)) {
                (Some(Part::Fixed(before)), Part::Fixed(text)) => before.extend_from_slice(&text),
                (_, part) => parts.push(part),
            }
        }
        JsonStyle { parts }
    }

    /// Appends the line to `out`.
    pub(super) fn format(&self, line: &JsonLine<'_>, out: &mut Vec<u8>) {
        let values = line.values;
        out.reserve(ROOM + values.message.len() + values.own.len());
        out.extend_from_slice(b"{\"time\":\"");
        clock::write_rfc3339(line.time, out);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(level(line.level, values.critical).as_bytes());
        out.extend_from_slice(b"\",\"msg\":\"");
        out.extend_from_slice(&values.message);
        out.push(b'"');
        for part in &self.parts {
            match part {
                Part::Fixed(text) => out.extend_from_slice(text),
                Part::Of(field) => standard(*field, line, out),
            }
        }
        out.extend_from_slice(&values.own);
        out.extend_from_slice(b"}\n");
    }
}

/// What the standard fields of most lines take.
const ROOM: usize = 512;

/// Writes a standard field, if the line has it.
fn standard(field: LogField, line: &JsonLine<'_>, out: &mut Vec<u8>) {
    let lifted = &line.values.lifted;
    let (begin, value) = match field {
        LogField::CorrelationId => (",\"correlation_id\":", &lifted.correlation_id),
        LogField::TenantId => (",\"tenant_id\":", &lifted.tenant_id),
        LogField::UserId => (",\"user_id\":", &lifted.user_id),
        LogField::TraceId => {
            return id(
                out,
                ",\"trace_id\":\"",
                line.trace.map(|trace| trace.trace_id.to_bytes()),
            );
        }
        LogField::SpanId => {
            return id(
                out,
                ",\"span_id\":\"",
                line.trace.map(|trace| trace.span_id.to_bytes()),
            );
        }
        LogField::Caller => return out.extend_from_slice(&line.shape.caller),
        // The same in every line: written before.
        LogField::Service | LogField::Version | LogField::Environment => return,
    };
    if let Some(value) = value {
        out.extend_from_slice(begin.as_bytes());
        text(out, value);
    }
}

/// Identifiers of traces and spans, of 16 bytes at most.
fn id<const N: usize>(out: &mut Vec<u8>, begin: &str, bytes: Option<[u8; N]>) {
    let Some(bytes) = bytes else { return };
    out.extend_from_slice(begin.as_bytes());
    let mut text = [b'"'; 33];
    digits::put(&bytes, &mut text[..2 * N]);
    out.extend_from_slice(&text[..=2 * N]);
}
