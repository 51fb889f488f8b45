//! A span out of OTLP's encoding, as the ring takes it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_proto::tonic::common::v1::KeyValue as Pair;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1 as proto;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

pub(super) fn span(span: &proto::Span) -> SpanData {
    let mut events = SpanEvents::default();
    events.events = span.events.iter().map(event).collect();
    let mut links = SpanLinks::default();
    let link = |link: &proto::span::Link| Link::new(context(&link.trace_id, &link.span_id), Vec::new(), 0);
    links.links = span.links.iter().map(link).collect();
    SpanData {
        span_context: context(&span.trace_id, &span.span_id),
        parent_span_id: span_id(&span.parent_span_id),
        parent_span_is_remote: span.flags & 0x200 != 0,
        span_kind: match span.kind {
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Internal,
        },
        name: span.name.clone().into(),
        start_time: time(span.start_time_unix_nano),
        end_time: time(span.end_time_unix_nano),
        attributes: pairs(&span.attributes),
        dropped_attributes_count: 0,
        events,
        links,
        status: match &span.status {
            Some(status) if status.code == 2 => Status::error(status.message.clone()),
            Some(status) if status.code == 1 => Status::Ok,
            _ => Status::Unset,
        },
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn event(event: &proto::span::Event) -> Event {
    let (name, at) = (event.name.clone(), time(event.time_unix_nano));
    Event::new(name, at, pairs(&event.attributes), 0)
}

fn context(trace: &[u8], span: &[u8]) -> SpanContext {
    let trace = trace.try_into().map_or(TraceId::INVALID, TraceId::from_bytes);
    SpanContext::new(trace, span_id(span), TraceFlags::SAMPLED, false, TraceState::NONE)
}

/// Nothing is the parent of a root.
fn span_id(bytes: &[u8]) -> SpanId {
    bytes.try_into().map_or(SpanId::INVALID, SpanId::from_bytes)
}

fn time(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn pairs(pairs: &[Pair]) -> Vec<KeyValue> {
    let read = |pair: &Pair| {
        let value = match pair.value.as_ref()?.value.as_ref()? {
            Any::BoolValue(value) => Value::Bool(*value),
            Any::IntValue(value) => Value::I64(*value),
            Any::DoubleValue(value) => Value::F64(*value),
            Any::StringValue(value) => Value::from(value.clone()),
            _ => return None,
        };
        Some(KeyValue::new(pair.key.clone(), value))
    };
    pairs.iter().filter_map(read).collect()
}
