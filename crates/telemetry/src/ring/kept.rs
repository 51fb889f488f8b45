//! The traces, and which of them must go.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use serde_json::value::RawValue;
use serde_json::{Map, json};

use super::encode::Encoded;
use super::{KeptTrace, RingBounds, RingFill, RingFilter, micros};

/// Most spans of one trace: a caller decides how many requests it puts under one.
const SPANS_PER_TRACE: usize = 1_000;
/// What a trace and a span cost beside their text, roughly.
const TRACE_OVERHEAD: usize = 200;
const SPAN_OVERHEAD: usize = 64;

#[derive(Debug)]
pub(super) struct Kept {
    bounds: RingBounds,
    traces: HashMap<String, Trace>,
    /// Oldest first.
    order: VecDeque<String>,
    /// The last that had to go: a late span of one of them would look like a trace without a beginning.
    gone: Gone,
    bytes: usize,
    evicted: u64,
}

#[derive(Debug, Default)]
struct Trace {
    spans: Vec<Span>,
    services: BTreeSet<&'static str>,
    request_ids: BTreeSet<String>,
    tenants: BTreeSet<String>,
    started: u64,
    bytes: usize,
    cut: usize,
}

#[derive(Debug)]
struct Span {
    tenant: Option<String>,
    text: Box<RawValue>,
}

#[derive(Debug, Default)]
struct Gone {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Gone {
    fn add(&mut self, id: String, bound: usize) {
        if self.order.len() >= bound
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id.clone());
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

    pub(super) fn keep(&mut self, service: &'static str, span: Encoded) {
        if self.gone.ids.contains(&span.trace_id) {
            return;
        }
        if !self.traces.contains_key(&span.trace_id) {
            self.order.push_back(span.trace_id.clone());
            self.bytes += TRACE_OVERHEAD;
        }
        let trace = self.traces.entry(span.trace_id.clone()).or_default();
        self.bytes += trace.keep(service, span);
        while self.order.len() > self.bounds.traces || self.bytes > self.bounds.bytes {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.evict(oldest);
        }
    }

    fn evict(&mut self, id: String) {
        if let Some(trace) = self.traces.remove(&id) {
            self.bytes = self.bytes.saturating_sub(trace.bytes + TRACE_OVERHEAD);
            self.evicted += 1;
        }
        self.gone.add(id, self.bounds.traces);
    }

    pub(super) fn trace(&self, tenant: &str, id: &str) -> Option<KeptTrace> {
        let trace = self.traces.get(id)?;
        trace.tenants.contains(tenant).then(|| trace.shown(tenant, id))
    }

    pub(super) fn find(&self, filter: &RingFilter) -> Vec<KeptTrace> {
        let since = filter.since.map_or(0, micros);
        let fits = |trace: &Trace| {
            let by_id = |id: &String| trace.request_ids.contains(id);
            trace.started >= since
                && trace.tenants.contains(&filter.tenant)
                && filter.request_id.as_ref().is_none_or(by_id)
        };
        let newest = self.order.iter().rev();
        newest
            .filter_map(|id| Some((id, self.traces.get(id).filter(|trace| fits(trace))?)))
            .take(filter.limit)
            .map(|(id, trace)| trace.shown(&filter.tenant, id))
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
    fn keep(&mut self, service: &'static str, span: Encoded) -> usize {
        if self.spans.len() >= SPANS_PER_TRACE {
            self.cut += 1;
            return 0;
        }
        let mut grown = span.text.get().len() + SPAN_OVERHEAD;
        if self.spans.is_empty() || span.started < self.started {
            self.started = span.started;
        }
        self.services.insert(service);
        if let Some(id) = span.request_id {
            grown += id.len();
            self.request_ids.insert(id);
        }
        if let Some(tenant) = &span.tenant {
            grown += tenant.len();
            self.tenants.insert(tenant.clone());
        }
        self.spans.push(Span {
            tenant: span.tenant,
            text: span.text,
        });
        self.bytes += grown;
        grown
    }

    /// What `tenant` may see: all of it, or where callers of several tenants chose the same trace id, its own spans.
    fn shown(&self, tenant: &str, id: &str) -> KeptTrace {
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
        let process = |name: &&'static str| {
            let value = json!({ "serviceName": name, "tags": [] });
            ((*name).to_owned(), value)
        };
        KeptTrace {
            trace_id: id.to_owned(),
            spans: self
                .spans
                .iter()
                .filter(mine)
                .map(|span| span.text.clone())
                .collect(),
            processes: self.services.iter().map(process).collect::<Map<_, _>>(),
            warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(traces: usize, bytes: usize) -> Kept {
        Kept::new(RingBounds {
            traces,
            bytes,
            per_second: 1,
        })
    }

    fn span(trace: usize, tenant: &str) -> Encoded {
        Encoded {
            trace_id: format!("{trace:032x}"),
            started: trace as u64,
            tenant: Some(tenant.to_owned()),
            request_id: Some(format!("request-{trace}")),
            text: RawValue::from_string(format!("\"{tenant}{}\"", "x".repeat(500))).unwrap(),
        }
    }

    #[test]
    fn the_oldest_trace_makes_room_and_its_late_spans_do_not_bring_it_back() {
        let mut ring = ring(3, 1 << 20);
        (1..=5).for_each(|trace| ring.keep("worker", span(trace, "a")));
        ring.keep("worker", span(1, "a"));
        assert_eq!((ring.fill().traces, ring.fill().evicted), (3, 2));
        assert!(ring.trace("a", &format!("{:032x}", 1)).is_none());
        assert!(ring.trace("a", &format!("{:032x}", 5)).is_some());
    }

    #[test]
    fn memory_is_bounded_whatever_the_traces_are() {
        let mut ring = ring(10_000, 50_000);
        (0..2_000).for_each(|trace| ring.keep("worker", span(trace / 4, "a")));
        assert!(ring.fill().bytes <= 50_000, "{:?}", ring.fill());
        assert!(ring.fill().traces > 10, "{:?}", ring.fill());
        (0..5_000).for_each(|_| ring.keep("worker", span(9_999, "a")));
        assert!(ring.fill().bytes <= 50_000, "{:?}", ring.fill());
    }

    #[test]
    fn a_tenant_sees_nothing_of_another_even_under_the_same_trace_id() {
        let mut ring = ring(10, 1 << 20);
        for tenant in ["a", "b"] {
            ring.keep("worker", span(1, tenant));
        }
        ring.keep("worker", span(2, "b"));
        let shared = ring.trace("a", &format!("{:032x}", 1)).unwrap();
        assert_eq!(shared.spans.len(), 1);
        assert!(shared.spans[0].get().starts_with("\"a"));
        assert!(ring.trace("a", &format!("{:032x}", 2)).is_none());
        let all = RingFilter {
            tenant: "a".to_owned(),
            limit: 10,
            ..RingFilter::default()
        };
        assert_eq!(ring.find(&all).len(), 1);
    }
}
