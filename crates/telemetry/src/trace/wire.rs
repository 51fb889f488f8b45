//! A span in OTLP's encoding, written from what is borrowed: it is written on the way of the request that it belongs to,
//! once for everybody who takes it.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf, BufMut};
use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;
use prost::encoding::{DecodeContext, WireType, skip_field};
use prost::{DecodeError, Message};

/// What is known of a span, open or ended.
pub(crate) struct Known<'a> {
    pub(crate) context: &'a SpanContext,
    pub(crate) parent: SpanId,
    pub(crate) parent_is_remote: bool,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a SpanKind,
    pub(crate) start: SystemTime,
    /// None while it is open.
    pub(crate) end: Option<SystemTime>,
    pub(crate) attributes: &'a [KeyValue],
    pub(crate) events: &'a [Event],
    pub(crate) links: &'a [Link],
    /// Attributes, events and links that were too many.
    pub(crate) dropped: [u32; 3],
    pub(crate) status: &'a Status,
}

/// The wire types of Protocol Buffers.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// The field numbers are those of `opentelemetry/proto/trace/v1/trace.proto`.
pub(super) fn write(out: &mut Vec<u8>, span: &Known<'_>) {
    let [dropped_attributes, dropped_events, dropped_links] = span.dropped;
    bytes(out, 1, &span.context.trace_id().to_bytes());
    bytes(out, 2, &span.context.span_id().to_bytes());
    text(out, 3, &span.context.trace_state().header());
    if span.parent != SpanId::INVALID {
        bytes(out, 4, &span.parent.to_bytes());
    }
    text(out, 5, span.name);
    number(out, 6, kind(span.kind));
    fixed64(out, 7, nanos(span.start));
    fixed64(out, 8, span.end.map_or(0, nanos));
    attributes(out, 9, span.attributes);
    count(out, 10, dropped_attributes);
    for event in span.events {
        nested(out, 11, |out| {
            fixed64(out, 1, nanos(event.timestamp));
            text(out, 2, &event.name);
            attributes(out, 3, &event.attributes);
            count(out, 4, event.dropped_attributes_count);
        });
    }
    count(out, 12, dropped_events);
    for link in span.links {
        nested(out, 13, |out| {
            bytes(out, 1, &link.span_context.trace_id().to_bytes());
            bytes(out, 2, &link.span_context.span_id().to_bytes());
            text(out, 3, &link.span_context.trace_state().header());
            fixed32(out, 6, flags(&link.span_context, link.span_context.is_remote()));
        });
    }
    count(out, 14, dropped_links);
    nested(out, 15, |out| status(out, span.status));
    fixed32(out, 16, flags(span.context, span.parent_is_remote));
}

/// Appends a span that is already encoded to the spans of a [`Batch`].
pub(super) fn append(spans: &mut Vec<u8>, span: &[u8]) {
    bytes(spans, 2, span);
}

/// The content of an export (`ExportTraceServiceRequest`): spans that are already encoded, with who sends them.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    head: Vec<u8>,
    spans: Vec<u8>,
}

impl Batch {
    /// Of spans from [`append`], of a sender from [`resource`].
    pub(super) fn new(resource: &[u8], spans: Vec<u8>) -> Self {
        let mut scope = Vec::new();
        nested(&mut scope, 1, |out| text(out, 1, "telemetry"));
        let mut inner = Vec::new();
        bytes(&mut inner, 1, resource);
        begin(&mut inner, 2, scope.len() + spans.len());
        inner.extend_from_slice(&scope);
        let mut head = Vec::new();
        begin(&mut head, 1, inner.len() + spans.len());
        head.extend_from_slice(&inner);
        Self { head, spans }
    }
}

impl Message for Batch {
    fn encode_raw(&self, out: &mut impl BufMut) {
        out.put_slice(&self.head);
        out.put_slice(&self.spans);
    }

    fn encoded_len(&self) -> usize {
        self.head.len() + self.spans.len()
    }

    /// It is only ever sent.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        from: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, tag, from, context)
    }

    fn clear(&mut self) {
        self.head.clear();
        self.spans.clear();
    }
}

/// A resource in OTLP's encoding.
pub(super) fn resource(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, is) in resource {
        nested(&mut out, 1, |out| {
            text(out, 1, key.as_str());
            nested(out, 2, |out| value(out, is));
        });
    }
    out
}

fn status(out: &mut Vec<u8>, status: &Status) {
    match status {
        Status::Unset => {}
        Status::Ok => number(out, 3, 1),
        Status::Error { description } => {
            text(out, 2, description);
            number(out, 3, 2);
        }
    }
}

fn kind(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// The W3C flags, and whether the parent is in another process: known (bit 8), and so (bit 9).
fn flags(context: &SpanContext, is_remote: bool) -> u32 {
    u32::from(context.trace_flags().to_u8()) | 0x100 | (u32::from(is_remote) << 9)
}

fn attributes(out: &mut Vec<u8>, tag: u8, pairs: &[KeyValue]) {
    for pair in pairs {
        nested(out, tag, |out| {
            text(out, 1, pair.key.as_str());
            nested(out, 2, |out| value(out, &pair.value));
        });
    }
}

fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(value) => number(out, 2, u64::from(*value)),
        Value::I64(value) => number(out, 3, value.cast_unsigned()),
        Value::F64(value) => fixed64(out, 4, value.to_bits()),
        // The recording makes no lists.
        other => bytes(out, 1, other.as_str().as_bytes()),
    }
}

fn nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn key(out: &mut Vec<u8>, tag: u8, wire: u8) {
    varint(out, (u64::from(tag) << 3) | u64::from(wire));
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, tag: u8, value: u64) {
    key(out, tag, VARINT);
    varint(out, value);
}

fn count(out: &mut Vec<u8>, tag: u8, value: u32) {
    if value > 0 {
        number(out, tag, value.into());
    }
}

fn fixed64(out: &mut Vec<u8>, tag: u8, value: u64) {
    key(out, tag, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

fn fixed32(out: &mut Vec<u8>, tag: u8, value: u32) {
    key(out, tag, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

fn begin(out: &mut Vec<u8>, tag: u8, length: usize) {
    key(out, tag, BYTES);
    varint(out, length as u64);
}

fn bytes(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    begin(out, tag, value.len());
    out.extend_from_slice(value);
}

fn text(out: &mut Vec<u8>, tag: u8, value: &str) {
    if !value.is_empty() {
        bytes(out, tag, value.as_bytes());
    }
}

/// Its length is put before it when it is known, in four bytes whatever it is, which every reader takes.
fn nested(out: &mut Vec<u8>, tag: u8, content: impl FnOnce(&mut Vec<u8>)) {
    key(out, tag, BYTES);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out);
    let length = out.len() - start - 4;
    for (place, byte) in out[start..start + 4].iter_mut().enumerate() {
        let more = if place < 3 { 0x80 } else { 0 };
        *byte = ((length >> (7 * place)) & 0x7f) as u8 | more;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{TraceFlags, TraceId};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
    use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

    use super::*;

    fn context(span: u64, remote: bool) -> SpanContext {
        let state = "vendor=1".parse().unwrap();
        let flags = TraceFlags::SAMPLED;
        SpanContext::new(TraceId::from(7_u128), SpanId::from(span), flags, remote, state)
    }

    fn span() -> SpanData {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let attributes = vec![
            KeyValue::new("text", "x".repeat(300)),
            KeyValue::new("empty", ""),
            KeyValue::new("number", -3_i64),
            KeyValue::new("share", 0.25),
            KeyValue::new("flag", true),
        ];
        let mut events = SpanEvents::default();
        let event = Event::new("slow disk", at(3), attributes.clone(), 2);
        (events.events, events.dropped_count) = (vec![event.clone(), event], 3);
        let mut links = SpanLinks::default();
        (links.links, links.dropped_count) = (vec![Link::new(context(9, true), Vec::new(), 0)], 4);
        SpanData {
            span_context: context(1, false),
            parent_span_id: SpanId::from(2_u64),
            parent_span_is_remote: true,
            span_kind: SpanKind::Consumer,
            name: "process tool_call".into(),
            start_time: at(2),
            end_time: at(4),
            attributes,
            dropped_attributes_count: 1,
            events,
            links,
            status: Status::error("late"),
            instrumentation_scope: InstrumentationScope::builder("telemetry").build(),
        }
    }

    fn known(span: &SpanData) -> Known<'_> {
        Known {
            context: &span.span_context,
            parent: span.parent_span_id,
            parent_is_remote: span.parent_span_is_remote,
            name: &span.name,
            kind: &span.span_kind,
            start: span.start_time,
            end: Some(span.end_time),
            attributes: &span.attributes,
            events: &span.events.events,
            links: &span.links.links,
            dropped: [
                span.dropped_attributes_count,
                span.events.dropped_count,
                span.links.dropped_count,
            ],
            status: &span.status,
        }
    }

    #[test]
    fn a_batch_is_read_back_as_opentelemetrys_own_exporter_would_have_sent_it() {
        let root = SpanData {
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            status: Status::Ok,
            ..span()
        };
        let ours = Resource::builder_empty()
            .with_attribute(KeyValue::new("service.name", "worker"))
            .build();
        let all = [span(), root];
        let mut spans = Vec::new();
        for span in &all {
            let mut out = Vec::new();
            write(&mut out, &known(span));
            append(&mut spans, &out);
        }
        let batch = Batch::new(&resource(&ours), spans);
        let sent = batch.encode_to_vec();
        assert_eq!(sent.len(), batch.encoded_len());
        let theirs = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(all.to_vec(), &(&ours).into()),
        };
        assert_eq!(ExportTraceServiceRequest::decode(&*sent).unwrap(), theirs);
    }
}
