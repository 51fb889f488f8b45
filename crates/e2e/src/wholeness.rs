//! How many of the traces that were received are whole, by the rules of `devmesh trace audit`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use devmesh::traces::{Hop, Span, Trace, faults};
use serde_json::Value;
use test_support::{OtlpReceiver, ReceivedSpan};

/// The verdict on all traces.
#[derive(Debug, Default)]
pub struct Wholeness {
    /// How many there are.
    pub traces: usize,
    /// What is wrong with those that are not whole, by their ids.
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
            broken: BTreeMap::new(),
        };
        for (id, spans) in traces {
            let trace = Trace::of(&id, spans, Vec::new());
            let wrong = faults(&trace, hops.get(&id).map_or(&[], Vec::as_slice));
            if !wrong.is_empty() {
                verdict.broken.insert(id, wrong);
            }
        }
        verdict
    }

    /// Leaves out those of which a span began within one of these times.
    #[must_use]
    pub fn but_within(mut self, otlp: &OtlpReceiver, times: &[Range<SystemTime>]) -> Self {
        let nanos = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let is_within = |span: &ReceivedSpan| {
            let began = u128::from(span.start_unix_nanos);
            times
                .iter()
                .any(|time| (nanos(time.start)..nanos(time.end)).contains(&began))
        };
        let left_out: HashSet<String> = otlp
            .spans()
            .into_iter()
            .filter(is_within)
            .map(|span| span.trace_id)
            .collect();
        self.traces -= left_out.len();
        self.broken.retain(|id, _| !left_out.contains(id));
        self
    }

    /// How many in a hundred are whole.
    pub fn percent(&self) -> f64 {
        let whole = self.traces - self.broken.len();
        100.0 * whole as f64 / self.traces.max(1) as f64
    }
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
