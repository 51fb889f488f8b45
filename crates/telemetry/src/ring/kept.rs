//! The traces, and which of them must go.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1 as proto;
use serde_json::{Map, json};

use super::{KeptTrace, RingBounds, RingFill, RingFilter, encode, micros};

/// Most spans of one trace: a caller decides how many requests it puts under one.
const SPANS_PER_TRACE: usize = 1_000;
/// What a trace and a span cost beside their bytes, roughly.
const TRACE_OVERHEAD: usize = 200;
const SPAN_OVERHEAD: usize = 64;

#[derive(Debug)]
pub(super) struct Kept {
    bounds: RingBounds,
    traces: HashMap<TraceId, Trace>,
    /// Oldest first.
    order: VecDeque<TraceId>,
    /// The last that had to go: a late span of one of them would look like a trace without a beginning.
    gone: Gone,
    bytes: usize,
    evicted: u64,
}

/// A span that has ended.
pub(super) struct Arrived<'a> {
    pub(super) service: &'static str,
    pub(super) trace_id: TraceId,
    /// Microseconds since 1970.
    pub(super) started: u64,
    pub(super) tenant: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    pub(super) encoded: &'a [u8],
}

impl<'a> Arrived<'a> {
    /// One that is known by its encoding alone.
    pub(super) fn read(service: &'static str, span: &'a proto::Span, encoded: &'a [u8]) -> Self {
        let text = |name: &str| {
            let found = span.attributes.iter().find(|pair| pair.key == name)?;
            match found.value.as_ref()?.value.as_ref()? {
                any_value::Value::StringValue(text) => Some(text.as_str()),
                _ => None,
            }
        };
        let id = span.trace_id.as_slice().try_into();
        Self {
            service,
            trace_id: id.map_or(TraceId::INVALID, TraceId::from_bytes),
            started: span.start_time_unix_nano / 1_000,
            tenant: text("tenant.id"),
            request_id: text("correlation_id"),
            encoded,
        }
    }
}

#[derive(Debug, Default)]
struct Trace {
    spans: Vec<Span>,
    request_ids: BTreeSet<String>,
    tenants: BTreeSet<Arc<str>>,
    started: u64,
    bytes: usize,
    cut: usize,
}

#[derive(Clone, Debug)]
struct Span {
    service: &'static str,
    tenant: Option<Arc<str>>,
    encoded: Arc<[u8]>,
}

/// A trace as it is kept; [`Found::shown`] takes its time.
pub(super) struct Found {
    id: TraceId,
    spans: Vec<Span>,
    warnings: Vec<String>,
}

#[derive(Debug, Default)]
struct Gone {
    ids: HashSet<TraceId>,
    order: VecDeque<TraceId>,
}

impl Gone {
    fn add(&mut self, id: TraceId, bound: usize) {
        if self.order.len() >= bound
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id);
        self.ids.insert(id);
    }
}

impl Kept {
    pub(super) fn new(bounds: RingBounds) -> Self {
        Self {
            bounds,
            traces: HashMap::new(),
            order: VecDeque::new(),
            gone: Gone::default(),
            bytes: 0,
            evicted: 0,
        }
    }

    pub(super) fn keep(&mut self, span: Arrived<'_>) {
        if self.gone.ids.contains(&span.trace_id) {
            return;
        }
        let trace = self.traces.entry(span.trace_id).or_default();
        if trace.spans.is_empty() {
            self.order.push_back(span.trace_id);
            self.bytes += TRACE_OVERHEAD;
        }
        self.bytes += trace.keep(&span);
        while self.order.len() > self.bounds.traces || self.bytes > self.bounds.bytes {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.evict(oldest);
        }
    }

    fn evict(&mut self, id: TraceId) {
        if let Some(trace) = self.traces.remove(&id) {
            self.bytes = self.bytes.saturating_sub(trace.bytes + TRACE_OVERHEAD);
            self.evicted += 1;
        }
        self.gone.add(id, self.bounds.traces);
    }

    pub(super) fn trace(&self, tenant: &str, id: TraceId) -> Option<Found> {
        let trace = self.traces.get(&id)?;
        trace.tenants.contains(tenant).then(|| trace.found(tenant, id))
    }

    pub(super) fn find(&self, filter: &RingFilter) -> Vec<Found> {
        let since = filter.since.map_or(0, micros);
        let fits = |trace: &Trace| {
            let by_id = |id: &String| trace.request_ids.contains(id);
            trace.started >= since
                && trace.tenants.contains(filter.tenant.as_str())
                && filter.request_id.as_ref().is_none_or(by_id)
        };
        let newest = self.order.iter().rev();
        newest
            .filter_map(|id| Some((*id, self.traces.get(id).filter(|trace| fits(trace))?)))
            .take(filter.limit)
            .map(|(id, trace)| trace.found(&filter.tenant, id))
            .collect()
    }

    pub(super) fn fill(&self) -> RingFill {
        RingFill {
            traces: self.traces.len(),
            bytes: self.bytes,
            evicted: self.evicted,
        }
    }
}

impl Trace {
    /// Answers how much larger it is now.
    fn keep(&mut self, span: &Arrived<'_>) -> usize {
        if self.spans.len() >= SPANS_PER_TRACE {
            self.cut += 1;
            return 0;
        }
        let mut grown = span.encoded.len() + SPAN_OVERHEAD;
        if self.spans.is_empty() || span.started < self.started {
            self.started = span.started;
        }
        if let Some(id) = span.request_id
            && !self.request_ids.contains(id)
        {
            grown += id.len();
            self.request_ids.insert(id.to_owned());
        }
        let tenant = span.tenant.map(|name| {
            let known = self.tenants.get(name).cloned();
            known.unwrap_or_else(|| {
                let name: Arc<str> = name.into();
                grown += name.len();
                self.tenants.insert(Arc::clone(&name));
                name
            })
        });
        self.spans.push(Span {
            service: span.service,
            tenant,
            encoded: span.encoded.into(),
        });
        self.bytes += grown;
        grown
    }

    /// What `tenant` may see: all of it, or where callers of several tenants chose the same trace id, its own spans.
    fn found(&self, tenant: &str, id: TraceId) -> Found {
        let alone = self.tenants.len() == 1;
        let mine = |span: &&Span| alone || span.tenant.as_deref() == Some(tenant);
        let mut warnings = Vec::new();
        if self.cut > 0 {
            warnings.push(format!("{} more spans were not kept", self.cut));
        }
        if !alone {
            warnings
                .push("other tenants use this trace id too: only this tenant's spans are shown".to_owned());
        }
        Found {
            id,
            spans: self.spans.iter().filter(mine).cloned().collect(),
            warnings,
        }
    }
}

impl Found {
    /// As Jaeger answers it.
    pub(super) fn shown(self) -> KeptTrace {
        let services: BTreeSet<_> = self.spans.iter().map(|span| span.service).collect();
        let process = |name: &str| {
            let value = json!({ "serviceName": name, "tags": [] });
            (name.to_owned(), value)
        };
        let text = |span: &Span| encode::text(span.service, &span.encoded);
        KeptTrace {
            trace_id: self.id.to_string(),
            spans: self.spans.iter().map(text).collect(),
            processes: services.into_iter().map(process).collect::<Map<_, _>>(),
            warnings: self.warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

    fn ring(traces: usize, bytes: usize) -> Kept {
        Kept::new(RingBounds {
            traces,
            bytes,
            per_second: 1,
        })
    }

    fn id(trace: usize) -> TraceId {
        TraceId::from(trace as u128)
    }

    fn keep(ring: &mut Kept, trace: usize, tenant: &str) {
        let span = Span {
            name: format!("{tenant}{}", "x".repeat(500)),
            ..Span::default()
        };
        ring.keep(Arrived {
            service: "worker",
            trace_id: id(trace),
            started: trace as u64,
            tenant: Some(tenant),
            request_id: Some(&format!("request-{trace}")),
            encoded: &span.encode_to_vec(),
        });
    }

    #[test]
    fn the_oldest_trace_makes_room_and_its_late_spans_do_not_bring_it_back() {
        let mut ring = ring(3, 1 << 20);
        (1..=5).for_each(|trace| keep(&mut ring, trace, "a"));
        keep(&mut ring, 1, "a");
        assert_eq!((ring.fill().traces, ring.fill().evicted), (3, 2));
        assert!(ring.trace("a", id(1)).is_none());
        assert!(ring.trace("a", id(5)).is_some());
    }

    #[test]
    fn memory_is_bounded_whatever_the_traces_are() {
        let mut ring = ring(10_000, 50_000);
        (0..2_000).for_each(|trace| keep(&mut ring, trace / 4, "a"));
        assert!(ring.fill().bytes <= 50_000, "{:?}", ring.fill());
        assert!(ring.fill().traces > 10, "{:?}", ring.fill());
        (0..5_000).for_each(|_| keep(&mut ring, 9_999, "a"));
        assert!(ring.fill().bytes <= 50_000, "{:?}", ring.fill());
    }

    #[test]
    fn a_tenant_sees_nothing_of_another_even_under_the_same_trace_id() {
        let mut ring = ring(10, 1 << 20);
        for tenant in ["a", "b"] {
            keep(&mut ring, 1, tenant);
        }
        keep(&mut ring, 2, "b");
        let shared = ring.trace("a", id(1)).unwrap().shown();
        assert_eq!(shared.spans.len(), 1);
        assert!(shared.spans[0].get().contains("\"operationName\":\"ax"));
        assert!(ring.trace("a", id(2)).is_none());
        let all = RingFilter {
            tenant: "a".to_owned(),
            limit: 10,
            ..RingFilter::default()
        };
        assert_eq!(ring.find(&all).len(), 1);
    }
}
