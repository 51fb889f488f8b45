//! A span in OTLP's encoding, written from what is borrowed: it is written on the way of the request that it belongs to,
//! once for everybody who takes it.

mod batch;
pub(super) mod put;

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, SpanKind, Status};

use super::TraceContext;
use super::attributes::Attributes;
pub(crate) use batch::Batch;
pub(super) use batch::{append, resource};
use put::{BYTES, FIXED64, VARINT, begin, bytes, count, fixed32, fixed64, nested, number, text};

/// What is known of a span, open or ended.
pub(crate) struct Known<'a> {
    pub(crate) context: &'a TraceContext,
    pub(crate) parent: SpanId,
    pub(crate) parent_is_remote: bool,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a SpanKind,
    pub(crate) start: SystemTime,
    /// None while it is open.
    pub(crate) end: Option<SystemTime>,
    pub(super) attributes: &'a Attributes,
    pub(super) events: &'a Listed,
    pub(super) links: &'a Listed,
    pub(crate) status: &'a Status,
}

/// Events or links, encoded.
#[derive(Debug, Default)]
pub(super) struct Listed {
    encoded: Vec<u8>,
    count: usize,
    /// What was too many.
    dropped: u32,
}

impl Listed {
    /// Adds another one, unless there are `most` already.
    pub(super) fn add(&mut self, most: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.count >= most {
            self.dropped += 1;
            return;
        }
        self.count += 1;
        write(&mut self.encoded);
    }
}

/// What a span takes beside name, attributes, events and links, at most and roughly.
const REST: usize = 160;

/// Room that is enough for a span, taken at once: growing costs more than writing.
pub(super) fn room(span: &Known<'_>) -> usize {
    let lists = span.attributes.encoded().len() + span.events.encoded.len() + span.links.encoded.len();
    lists + span.name.len() + REST
}

/// The field numbers are those of `opentelemetry/proto/trace/v1/trace.proto`.
pub(super) fn write(out: &mut Vec<u8>, span: &Known<'_>) {
    out.reserve(room(span));
    ids(out, span.context);
    state(out, span.context);
    if span.parent != SpanId::INVALID {
        bytes(out, 4, &span.parent.to_bytes());
    }
    text(out, 5, span.name);
    kind_and_times(out, span);
    out.extend_from_slice(span.attributes.encoded());
    count(out, 10, span.attributes.dropped());
    out.extend_from_slice(&span.events.encoded);
    count(out, 12, span.events.dropped);
    out.extend_from_slice(&span.links.encoded);
    count(out, 14, span.links.dropped);
    status(out, span.status);
    fixed32(out, 16, flags(true, span.parent_is_remote));
}

/// The fields 1 and 2, of a span as of a link.
fn ids(out: &mut Vec<u8>, context: &TraceContext) {
    let mut fields = [0; 28];
    fields[..2].copy_from_slice(&[1 << 3 | BYTES, 16]);
    fields[2..18].copy_from_slice(&context.trace_id.to_bytes());
    fields[18..20].copy_from_slice(&[2 << 3 | BYTES, 8]);
    fields[20..].copy_from_slice(&context.span_id.to_bytes());
    out.extend_from_slice(&fields);
}

/// The fields 6 to 8.
fn kind_and_times(out: &mut Vec<u8>, span: &Known<'_>) {
    let mut fields = [0; 20];
    fields[..3].copy_from_slice(&[6 << 3 | VARINT, kind(span.kind), 7 << 3 | FIXED64]);
    fields[3..11].copy_from_slice(&nanos(span.start).to_le_bytes());
    fields[11] = 8 << 3 | FIXED64;
    fields[12..].copy_from_slice(&span.end.map_or(0, nanos).to_le_bytes());
    out.extend_from_slice(&fields);
}

/// An event of a span; `attributes` are from [`Attributes::of_event`].
pub(super) fn event(out: &mut Vec<u8>, at: SystemTime, name: &str, attributes: &Attributes) {
    out.reserve(attributes.encoded().len() + name.len() + REST);
    nested(out, 11, |out| {
        fixed64(out, 1, nanos(at));
        text(out, 2, name);
        out.extend_from_slice(attributes.encoded());
        count(out, 4, attributes.dropped());
    });
}

/// A link to another span.
pub(super) fn link(out: &mut Vec<u8>, to: &TraceContext) {
    nested(out, 13, |out| {
        ids(out, to);
        state(out, to);
        fixed32(out, 6, flags(to.sampled, true));
    });
}

/// The `tracestate`, with the mesh's own entry: a collector that samples by the tail keeps such a trace.
fn state(out: &mut Vec<u8>, context: &TraceContext) {
    if let Some(state) = context.debug.put(context.state.as_deref()) {
        text(out, 3, &state);
    }
}

fn status(out: &mut Vec<u8>, status: &Status) {
    match status {
        Status::Unset => begin(out, 15, 0),
        Status::Ok => nested(out, 15, |out| number(out, 3, 1)),
        Status::Error { description } => nested(out, 15, |out| {
            text(out, 2, description);
            number(out, 3, 2);
        }),
    }
}

fn kind(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// The W3C flags, and whether the parent (of a link: the span) is in another process: known (bit 8), and so (bit 9).
fn flags(is_sampled: bool, is_remote: bool) -> u32 {
    u32::from(is_sampled) | 0x100 | (u32::from(is_remote) << 9)
}

fn nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry::trace::{Event, Link, SpanContext, TraceFlags, TraceId};
    use opentelemetry::{InstrumentationScope, KeyValue};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
    use prost::Message;

    use super::super::Debug;
    use super::super::name::Name;
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn context(span: u64) -> TraceContext {
        TraceContext {
            trace_id: TraceId::from(7_u128),
            span_id: SpanId::from(span),
            sampled: true,
            debug: Debug::No,
            state: Some("vendor=1".into()),
            baggage: None,
        }
    }

    /// Fills them with one of every kind, some of them twice; the later counts.
    fn fill(mut attributes: Attributes) -> Attributes {
        let fill = &mut attributes;
        Name::with("text", |name| fill.text(name, "replaced"));
        Name::with("shown", |name| {
            fill.shown(name, &format_args!("{}", "y".repeat(200)))
        });
        Name::with("text", |name| fill.text(name, &"x".repeat(300)));
        Name::with("empty", |name| fill.text(name, ""));
        Name::with("number", |name| fill.number(name, -3));
        Name::with("share", |name| fill.float(name, 0.25));
        Name::with("flag", |name| fill.flag(name, true));
        attributes
    }

    fn write_one(parent: Option<u64>, given: &Status, out: &mut Vec<u8>) {
        let (mut events, mut links) = (Listed::default(), Listed::default());
        for _ in 0..5 {
            events.add(2, |out| {
                event(out, at(3), "slow disk", &fill(Attributes::of_event()));
            });
            links.add(1, |out| link(out, &context(9)));
        }
        let known = Known {
            context: &context(1),
            parent: parent.map_or(SpanId::INVALID, SpanId::from),
            parent_is_remote: parent.is_some(),
            name: "process tool_call",
            kind: &SpanKind::Consumer,
            start: at(2),
            end: Some(at(4)),
            attributes: &fill(Attributes::of_span()),
            events: &events,
            links: &links,
            status: given,
        };
        write(out, &known);
    }

    /// The same as OpenTelemetry's own exporter has it.
    fn theirs(parent: Option<u64>, status: Status) -> SpanData {
        let context = |span: u64, remote| {
            let state = "vendor=1".parse().unwrap();
            let trace = TraceId::from(7_u128);
            SpanContext::new(trace, SpanId::from(span), TraceFlags::SAMPLED, remote, state)
        };
        let attributes = vec![
            KeyValue::new("shown", "y".repeat(200)),
            KeyValue::new("text", "x".repeat(300)),
            KeyValue::new("empty", ""),
            KeyValue::new("number", -3_i64),
            KeyValue::new("share", 0.25),
            KeyValue::new("flag", true),
        ];
        let mut events = SpanEvents::default();
        let event = Event::new("slow disk", at(3), attributes.clone(), 0);
        (events.events, events.dropped_count) = (vec![event.clone(), event], 3);
        let mut links = SpanLinks::default();
        (links.links, links.dropped_count) = (vec![Link::new(context(9, true), Vec::new(), 0)], 4);
        SpanData {
            span_context: context(1, false),
            parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: parent.is_some(),
            span_kind: SpanKind::Consumer,
            name: "process tool_call".into(),
            start_time: at(2),
            end_time: at(4),
            attributes,
            dropped_attributes_count: 0,
            events,
            links,
            status,
            instrumentation_scope: InstrumentationScope::builder("telemetry").build(),
        }
    }

    #[test]
    fn a_batch_is_read_back_as_opentelemetrys_own_exporter_would_have_sent_it() {
        let ours = Resource::builder_empty()
            .with_attribute(KeyValue::new("service.name", "worker"))
            .build();
        let (mut spans, mut all) = (Vec::new(), Vec::new());
        for (parent, status) in [(Some(2), Status::error("late")), (None, Status::Ok)] {
            let mut out = Vec::new();
            write_one(parent, &status, &mut out);
            append(&mut spans, &out);
            all.push(theirs(parent, status));
        }
        let batch = Batch::new(&resource(&ours), spans);
        let sent = batch.encode_to_vec();
        assert_eq!(sent.len(), batch.encoded_len());
        let theirs = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(all, &(&ours).into()),
        };
        assert_eq!(ExportTraceServiceRequest::decode(&*sent).unwrap(), theirs);
    }
}
