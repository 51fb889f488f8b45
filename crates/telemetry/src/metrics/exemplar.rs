//! One observation of a bucket, by the trace that it was made in.

use std::fmt;
use std::sync::{Mutex, OnceLock, TryLockError};
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, TraceId};
use tracing::Span;

use super::render::Number;
use crate::clock;
use crate::trace::with_state;

/// An observation and the span that it was made in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) value: f64,
    pub(crate) time: SystemTime,
}

impl Exemplar {
    /// None where `span` is not exported: nobody could look it up.
    pub(crate) fn of(span: &Span, value: f64) -> Option<Self> {
        let (trace_id, span_id) = with_state(span, |state| state.exported()).flatten()?;
        Some(Exemplar {
            trace_id,
            span_id,
            value,
            time: clock::now(),
        })
    }
}

/// As OpenMetrics spells it: `# {trace_id="…",span_id="…"} 0.25 1700000000.123`.
impl fmt::Display for Exemplar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(
            formatter,
            "# {{trace_id=\"{}\",span_id=\"{}\"}} {} {}.{:03}",
            self.trace_id,
            self.span_id,
            Number(self.value),
            since.as_secs(),
            since.subsec_millis()
        )
    }
}

/// The last exemplar of each bucket; no room is taken before the first.
#[derive(Default)]
pub(crate) struct Exemplars(OnceLock<Box<[Mutex<Option<Exemplar>>]>>);

impl Exemplars {
    /// Keeps it for its bucket, unless another one is being kept there or read: then that one has to do.
    pub(crate) fn keep(&self, buckets: usize, bucket: usize, exemplar: Exemplar) {
        let slots = self
            .0
            .get_or_init(|| (0..buckets).map(|_| Mutex::new(None)).collect());
        let Some(slot) = slots.get(bucket) else { return };
        match slot.try_lock() {
            Ok(mut slot) => *slot = Some(exemplar),
            Err(TryLockError::Poisoned(slot)) => *slot.into_inner() = Some(exemplar),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// The last one of a bucket.
    pub(crate) fn of(&self, bucket: usize) -> Option<Exemplar> {
        let slot = self.0.get()?.get(bucket)?;
        *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
