//! The last traces of a process, in memory and in a directory, for machines without a trace back end.
//!
//! Spans are kept as they are sent to a collector, in OTLP's encoding, and become the JSON text that Jaeger's query API
//! answers when somebody asks: a trace costs its bytes and little more, and whoever reads Jaeger reads this.

mod encode;
mod kept;
mod pace;
mod store;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde::Serialize;
use serde_json::value::RawValue;

use kept::{Arrived, Kept};
use pace::Pace;
use store::Store;

use crate::trace::Ended;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RingBounds {
    /// Traces; the oldest goes first.
    pub traces: usize,
    /// Bytes of spans, of all traces together.
    pub bytes: usize,
    /// New traces a second, over ten seconds, where nothing else decides which are sampled.
    pub per_second: u32,
}

/// The last traces. Cheap to clone; the services of one process share it.
#[derive(Clone, Debug)]
pub struct TraceRing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: Mutex<Kept>,
    pace: Pace,
    /// What a kill does not take.
    store: Option<Store>,
}

/// Which traces.
#[derive(Clone, Debug, Default)]
pub struct RingFilter {
    /// Only those with spans of this tenant.
    pub tenant: String,
    /// Only those in which this request id occurs.
    pub request_id: Option<String>,
    /// Only those that began at or after this instant.
    pub since: Option<SystemTime>,
    /// At most this many, newest first.
    pub limit: usize,
}

/// A trace in the shape of Jaeger's query API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptTrace {
    /// 32 hexadecimal digits.
    #[serde(rename = "traceID")]
    pub trace_id: String,
    /// The spans, in the order in which they ended.
    pub spans: Vec<Box<RawValue>>,
    /// The services, by the `processID` of the spans.
    pub processes: serde_json::Map<String, serde_json::Value>,
    /// What is not in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How full the ring is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RingFill {
    /// Traces.
    pub traces: usize,
    /// Bytes of their spans.
    pub bytes: usize,
    /// Traces that had to make room since the start.
    pub evicted: u64,
}

impl TraceRing {
    /// An empty ring.
    #[must_use]
    pub fn new(bounds: RingBounds) -> Self {
        Self(Arc::new(Inner {
            kept: Mutex::new(Kept::new(bounds)),
            pace: Pace::new(bounds.per_second),
            store: None,
        }))
    }

    /// A ring that is in `dir` too, with what is there already. Nobody else may use `dir`.
    ///
    /// # Errors
    /// When the directory cannot be made, read or written.
    pub fn open(bounds: RingBounds, dir: &Path) -> io::Result<Self> {
        let mut kept = Kept::new(bounds);
        let store = Store::open(dir, bounds.bytes, |service, encoded| {
            if let Ok(span) = Span::decode(encoded) {
                kept.keep(Arrived::read(service, &span, encoded));
            }
        })?;
        Ok(Self(Arc::new(Inner {
            kept: Mutex::new(kept),
            pace: Pace::new(bounds.per_second),
            store: Some(store),
        })))
    }

    /// The trace with this id, as far as `tenant` may see it.
    #[must_use]
    pub fn trace(&self, tenant: &str, trace_id: &str) -> Option<KeptTrace> {
        let trace_id = TraceId::from_hex(trace_id).ok()?;
        let found = self.kept().trace(tenant, trace_id)?;
        Some(found.shown())
    }

    /// The traces that fit.
    #[must_use]
    pub fn find(&self, filter: &RingFilter) -> Vec<KeptTrace> {
        // The text is made when the lock is given back: those whose spans end do not wait for it.
        let found = self.kept().find(filter);
        found.into_iter().map(kept::Found::shown).collect()
    }

    /// How full it is.
    #[must_use]
    pub fn fill(&self) -> RingFill {
        self.kept().fill()
    }

    /// Whether a trace that begins now is kept.
    pub(crate) fn picks(&self) -> bool {
        self.0.pace.picks()
    }

    /// Keeps a span that has ended; its file has it with the next [`write`](Self::write).
    pub(crate) fn keep(&self, service: &'static str, span: &Ended) {
        if let Some(store) = &self.0.store {
            store.append(service, &span.encoded);
        }
        self.kept().keep(Arrived {
            service,
            trace_id: span.trace_id,
            started: micros(span.started),
            tenant: span.tenant(),
            request_id: span.request_id(),
            encoded: &span.encoded,
        });
    }

    /// What is kept outlives a kill from here on.
    pub(crate) fn write(&self) {
        if let Some(store) = &self.0.store {
            store.write();
        }
    }

    /// Keeps a span that another process began and did not end.
    pub(crate) fn keep_left(&self, service: &'static str, span: &Span) {
        let encoded = span.encode_to_vec();
        if let Some(store) = &self.0.store {
            store.append(service, &encoded);
            store.write();
        }
        self.kept().keep(Arrived::read(service, span, &encoded));
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Microseconds since 1970, as Jaeger counts.
fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
