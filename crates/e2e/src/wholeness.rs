//! How many of the traces that were received are whole, by the rules of `devmesh trace audit`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use devmesh::traces::{Hop, Span, Trace, faults};
use serde_json::Value;
use test_support::{OtlpReceiver, ReceivedSpan};

/// The verdict on all traces.
#[derive(Debug, Default)]
pub struct Wholeness {
    /// How many there are.
    pub traces: usize,
    /// How many were not judged.
    pub left_out: usize,
    /// What is wrong with those that are not whole, and their spans, by their ids.
    pub broken: BTreeMap<String, Vec<String>>,
}

impl Wholeness {
    /// Judges every trace that was received, and every one of which an audit record tells: all of them are sampled.
    pub fn of(otlp: &OtlpReceiver, records: &[Value]) -> Self {
        let mut traces: HashMap<String, Vec<Span>> = HashMap::new();
        for span in otlp.spans() {
            traces.entry(span.trace_id.clone()).or_default().push(read(span));
        }
        let mut hops: HashMap<String, Vec<Hop>> = HashMap::new();
        for (id, hop) in records.iter().filter_map(Hop::told_by) {
            traces.entry(id.clone()).or_default();
            hops.entry(id).or_default().push(hop);
        }
        let mut verdict = Self {
            traces: traces.len(),
            ..Self::default()
        };
        for (id, spans) in traces {
            let mut trace = Trace::of(&id, spans, Vec::new());
            let mut wrong = faults(&trace, hops.get(&id).map_or(&[], Vec::as_slice));
            if !wrong.is_empty() {
                trace.spans.sort_by_key(|span| span.start);
                wrong.extend(trace.spans.iter().map(told));
                verdict.broken.insert(id, wrong);
            }
        }
        verdict
    }

    /// Leaves out those of which a span, or the call that a record tells of, was under way within one of these times.
    #[must_use]
    pub fn but_within(mut self, otlp: &OtlpReceiver, records: &[Value], times: &[Range<SystemTime>]) -> Self {
        let nanos = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let is_within = |began: u128, ended: u128| {
            let meets = |time: &Range<SystemTime>| began < nanos(time.end) && nanos(time.start) <= ended;
            times.iter().any(meets)
        };
        let spans = otlp.spans().into_iter();
        let spans = spans.filter(|span| is_within(span.start_unix_nanos.into(), span.end_unix_nanos.into()));
        let told = records.iter().filter_map(|record| {
            let at: SystemTime = record["at"].as_str()?.parse::<DateTime<Utc>>().ok()?.into();
            let took = u128::from(record["duration_ms"].as_u64()?) * 1_000_000;
            let (id, _) = Hop::told_by(record)?;
            is_within(nanos(at).saturating_sub(took), nanos(at)).then_some(id)
        });
        let left_out: HashSet<String> = spans.map(|span| span.trace_id).chain(told).collect();
        self.left_out = left_out.len();
        self.traces -= self.left_out;
        self.broken.retain(|id, _| !left_out.contains(id));
        self
    }

    /// How many in a hundred are whole.
    pub fn percent(&self) -> f64 {
        let whole = self.traces - self.broken.len();
        100.0 * whole as f64 / self.traces.max(1) as f64
    }
}

/// A span in one line, to see why one beside it is missing.
fn told(span: &Span) -> String {
    let micros = i64::try_from(span.start).unwrap_or_default();
    let at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    format!(
        "{} +{} ms {} {} `{}` {} in {} {}",
        at.format("%H:%M:%S%.3f"),
        span.duration / 1_000,
        span.service,
        span.kind,
        span.name,
        span.id,
        span.parent.as_deref().unwrap_or("-"),
        span.error.as_deref().unwrap_or_default(),
    )
}

fn read(span: ReceivedSpan) -> Span {
    Span {
        id: span.span_id,
        parent: Some(span.parent_span_id).filter(|parent| !parent.is_empty()),
        links: span.links,
        service: span.service,
        name: span.name,
        kind: span.kind,
        start: span.start_unix_nanos / 1_000,
        duration: span.end_unix_nanos.saturating_sub(span.start_unix_nanos) / 1_000,
        error: (span.status == "error").then_some(span.status_message),
        attributes: span.attributes,
    }
}
