//! Where finished spans go: to the collector, to the ring of this process, to both, or nowhere.

use std::sync::Arc;

use opentelemetry::trace::TraceId;

use super::export::Room;
use super::{Ended, Journal, Sampler, SpanExport, journal};
use crate::ring::TraceRing;

/// The sinks of one service, and what of new traces they take.
#[derive(Clone, Debug)]
pub(crate) struct Sinks {
    pub(crate) sampler: Sampler,
    pub(crate) export: Option<Arc<SpanExport>>,
    /// The ring, and the service under whose name spans go into it.
    pub(crate) ring: Option<(TraceRing, &'static str)>,
    /// What of open and unsent spans outlives a kill.
    pub(crate) journal: Option<Arc<Journal>>,
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

    /// Takes a finished span; never waits. `is_noted` says that it is in the journal, `around` has the records of open
    /// spans around it, `is_last` says that there is none: then all of the request is on disk when this returns.
    pub(crate) fn submit(&self, span: &Ended, is_noted: bool, around: &mut Vec<u8>, is_last: bool) {
        if let Some((ring, service)) = &self.ring {
            ring.keep(service, span);
        }
        let room = self.export.as_ref().map_or(Room::Full, |export| export.admit());
        if let Some(journal) = &self.journal {
            match room {
                Room::Free | Room::Closed => journal::ended(around, span),
                Room::Full => {}
            }
            // Of what ends after the last export the next start tells.
            if is_last || room == Room::Closed {
                journal.append(around);
            } else {
                journal.put(around);
            }
            if room == Room::Full && is_noted {
                journal.settle(&[span.span_id]);
            }
        } else if let Some((ring, _)) = self.ring.as_ref().filter(|_| is_last) {
            ring.write();
        }
        if let Some(export) = self.export.as_ref().filter(|_| room == Room::Free) {
            export.submit(span);
        }
    }
}
