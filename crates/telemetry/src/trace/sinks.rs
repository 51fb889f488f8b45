//! Where finished spans go: to the collector, to the ring of this process, to both, or nowhere.

use std::sync::Arc;

use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::SpanData;

use super::{Sampler, SpanExport};
use crate::ring::TraceRing;

/// The sinks of one service, and what of new traces they take.
#[derive(Clone, Debug)]
pub(crate) struct Sinks {
    pub(crate) sampler: Sampler,
    pub(crate) export: Option<Arc<SpanExport>>,
    /// The ring, and the service under whose name spans go into it.
    pub(crate) ring: Option<(TraceRing, &'static str)>,
}

impl Sinks {
    /// Whether there is one at all.
    pub(crate) fn any(&self) -> bool {
        self.export.is_some() || self.ring.is_some()
    }

    /// Whether a trace that begins here is kept. With a collector the ratio decides, and the ring shows the same traces;
    /// without one the ring takes what it can afford. `known` says that it begins with a request or a message: of what
    /// the service does by itself the ring takes nothing, or its polling would be all that is in there.
    pub(crate) fn pick(&self, trace_id: TraceId, known: bool) -> bool {
        match (&self.export, &self.ring) {
            (Some(_), _) => self.sampler.picks(trace_id),
            (None, Some((ring, _))) => known && ring.picks(),
            (None, None) => false,
        }
    }

    /// Takes a finished span; never waits.
    pub(crate) fn submit(&self, span: SpanData) {
        if let Some((ring, service)) = &self.ring {
            ring.keep(service, &span);
        }
        if let Some(export) = &self.export {
            export.submit(span);
        }
    }
}
