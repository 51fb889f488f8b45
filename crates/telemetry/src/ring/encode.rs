//! A kept span as Jaeger's query API shows it.

use std::borrow::Cow;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as Kept, Status};
use prost::Message;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    flags: u32,
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

/// The text of a span that was kept; `null` for what is none.
pub(super) fn text(service: &'static str, encoded: &[u8]) -> Box<RawValue> {
    let span = Kept::decode(encoded).ok();
    let text = span.and_then(|span| to_raw_value(&shown(service, &span)).ok());
    text.unwrap_or_else(|| RawValue::NULL.to_owned())
}

fn shown<'a>(service: &'static str, span: &'a Kept) -> Span<'a> {
    let started = micros(span.start_time_unix_nano);
    Span {
        trace_id: trace_id(&span.trace_id),
        span_id: span_id(&span.span_id),
        // The others say whether the parent is in another process.
        flags: span.flags & 0xff,
        operation_name: &span.name,
        references: references(span),
        start_time: started,
        duration: micros(span.end_time_unix_nano).saturating_sub(started),
        tags: tags(span),
        logs: span.events.iter().map(log).collect(),
        process_id: service,
    }
}

fn micros(nanos: u64) -> u64 {
    nanos / 1_000
}

fn trace_id(bytes: &[u8]) -> String {
    bytes
        .try_into()
        .map_or(TraceId::INVALID, TraceId::from_bytes)
        .to_string()
}

fn span_id(bytes: &[u8]) -> String {
    bytes
        .try_into()
        .map_or(SpanId::INVALID, SpanId::from_bytes)
        .to_string()
}

fn references(span: &Kept) -> Vec<Reference> {
    let parent = (!span.parent_span_id.is_empty()).then(|| Reference {
        ref_type: "CHILD_OF",
        trace_id: trace_id(&span.trace_id),
        span_id: span_id(&span.parent_span_id),
    });
    let links = span.links.iter().map(|link| Reference {
        ref_type: "FOLLOWS_FROM",
        trace_id: trace_id(&link.trace_id),
        span_id: span_id(&link.span_id),
    });
    parent.into_iter().chain(links).collect()
}

fn tags(span: &Kept) -> Vec<Tag<'_>> {
    let mut tags: Vec<Tag<'_>> = span.attributes.iter().map(tag).collect();
    tags.push(text_tag("span.kind", kind(span.kind())));
    let Some(status) = &span.status else { return tags };
    match status.code() {
        StatusCode::Unset => {}
        StatusCode::Ok => tags.push(text_tag("otel.status_code", "OK")),
        StatusCode::Error => failed(status, &mut tags),
    }
    tags
}

fn failed<'a>(status: &'a Status, tags: &mut Vec<Tag<'a>>) {
    tags.push(text_tag("otel.status_code", "ERROR"));
    tags.push(Tag {
        key: "error",
        kind: "bool",
        value: Plain::Bool(true),
    });
    if !status.message.is_empty() {
        tags.push(text_tag("otel.status_description", &status.message));
    }
}

fn text_tag<'a>(key: &'a str, value: &'a str) -> Tag<'a> {
    Tag {
        key,
        kind: "string",
        value: Plain::Text(value.into()),
    }
}

fn tag(pair: &KeyValue) -> Tag<'_> {
    let (kind, value) = match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::BoolValue(value)) => ("bool", Plain::Bool(*value)),
        Some(any_value::Value::IntValue(value)) => ("int64", Plain::Int(*value)),
        Some(any_value::Value::DoubleValue(value)) => ("float64", Plain::Float(*value)),
        Some(any_value::Value::StringValue(value)) => ("string", Plain::Text(value.as_str().into())),
        // The recording makes no others.
        other => ("string", Plain::Text(format!("{other:?}").into())),
    };
    Tag {
        key: &pair.key,
        kind,
        value,
    }
}

fn log(event: &Event) -> Log<'_> {
    // The event's own name (`event`) is an attribute of most lines: Jaeger's word for the message gives way to it.
    let named = event.attributes.iter().any(|pair| pair.key == "event");
    let message = text_tag(if named { "message" } else { "event" }, &event.name);
    Log {
        timestamp: micros(event.time_unix_nano),
        fields: std::iter::once(message)
            .chain(event.attributes.iter().map(tag))
            .collect(),
    }
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal | SpanKind::Unspecified => "internal",
    }
}
