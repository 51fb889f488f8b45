//! A span as Jaeger's query API shows it.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::micros;

/// A span's text, and what the ring finds it by.
pub(super) struct Encoded {
    pub(super) trace_id: String,
    pub(super) started: u64,
    pub(super) tenant: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) text: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(rename = "traceID")]
    trace_id: &'a str,
    #[serde(rename = "spanID")]
    span_id: String,
    flags: u8,
    operation_name: &'a str,
    references: Vec<Reference>,
    start_time: u64,
    duration: u64,
    tags: Vec<Tag<'a>>,
    logs: Vec<Log<'a>>,
    #[serde(rename = "processID")]
    process_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Serialize)]
struct Tag<'a> {
    key: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    value: Plain<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Plain<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
}

#[derive(Serialize)]
struct Log<'a> {
    timestamp: u64,
    fields: Vec<Tag<'a>>,
}

pub(super) fn span(service: &'static str, span: &SpanData) -> Encoded {
    let trace_id = span.span_context.trace_id().to_string();
    let shown = Span {
        trace_id: &trace_id,
        span_id: span.span_context.span_id().to_string(),
        flags: span.span_context.trace_flags().to_u8(),
        operation_name: &span.name,
        references: references(span, &trace_id),
        start_time: micros(span.start_time),
        duration: micros(span.end_time).saturating_sub(micros(span.start_time)),
        tags: tags(span),
        logs: span
            .events
            .iter()
            .map(|event| log(&event.name, event.timestamp, &event.attributes))
            .collect(),
        process_id: service,
    };
    let attribute = |name: &str| {
        let found = span.attributes.iter().find(|pair| pair.key.as_str() == name);
        found.map(|pair| pair.value.as_str().into_owned())
    };
    let text = to_raw_value(&shown).unwrap_or_else(|_| RawValue::NULL.to_owned());
    Encoded {
        started: shown.start_time,
        tenant: attribute("tenant.id"),
        request_id: attribute("correlation_id"),
        text,
        trace_id,
    }
}

fn references(span: &SpanData, trace_id: &str) -> Vec<Reference> {
    let parent = (span.parent_span_id != SpanId::INVALID).then(|| Reference {
        ref_type: "CHILD_OF",
        trace_id: trace_id.to_owned(),
        span_id: span.parent_span_id.to_string(),
    });
    let links = span.links.iter().map(|link| Reference {
        ref_type: "FOLLOWS_FROM",
        trace_id: link.span_context.trace_id().to_string(),
        span_id: link.span_context.span_id().to_string(),
    });
    parent.into_iter().chain(links).collect()
}

fn tags(span: &SpanData) -> Vec<Tag<'_>> {
    let text = |key, value: &'static str| Tag {
        key,
        kind: "string",
        value: Plain::Text(value.into()),
    };
    let mut tags: Vec<Tag<'_>> = span.attributes.iter().map(tag).collect();
    tags.push(text("span.kind", kind(&span.span_kind)));
    match &span.status {
        Status::Unset => {}
        Status::Ok => tags.push(text("otel.status_code", "OK")),
        Status::Error { description } => {
            tags.push(text("otel.status_code", "ERROR"));
            tags.push(Tag {
                key: "error",
                kind: "bool",
                value: Plain::Bool(true),
            });
            if !description.is_empty() {
                tags.push(Tag {
                    key: "otel.status_description",
                    kind: "string",
                    value: Plain::Text(description.as_ref().into()),
                });
            }
        }
    }
    tags
}

fn tag(pair: &KeyValue) -> Tag<'_> {
    let (kind, value) = match &pair.value {
        Value::Bool(value) => ("bool", Plain::Bool(*value)),
        Value::I64(value) => ("int64", Plain::Int(*value)),
        Value::F64(value) => ("float64", Plain::Float(*value)),
        other => ("string", Plain::Text(other.as_str())),
    };
    Tag {
        key: pair.key.as_str(),
        kind,
        value,
    }
}

fn log<'a>(name: &'a str, at: SystemTime, attributes: &'a [KeyValue]) -> Log<'a> {
    let message = Tag {
        key: "event",
        kind: "string",
        value: Plain::Text(name.into()),
    };
    // The event's own name (`event`) is an attribute of most lines: Jaeger's word for the message gives way to it.
    let named = attributes.iter().any(|pair| pair.key.as_str() == "event");
    let message = Tag {
        key: if named { "message" } else { "event" },
        ..message
    };
    Log {
        timestamp: micros(at),
        fields: std::iter::once(message)
            .chain(attributes.iter().map(tag))
            .collect(),
    }
}

fn kind(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}
