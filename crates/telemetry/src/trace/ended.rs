//! A span that has ended: in OTLP's encoding, written once, and what it is found by.

use std::time::SystemTime;

use opentelemetry::trace::{SpanId, TraceId};

use super::TraceContext;
use super::recording::Recording;
use super::wire::{self, Known};
use crate::clock;

/// A span that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) started: SystemTime,
    /// `opentelemetry.proto.trace.v1.Span`
    pub(crate) encoded: Vec<u8>,
    recording: Recording,
}

impl Recording {
    /// The span as those take it who keep or send it.
    pub(crate) fn end(self, context: &TraceContext, parent: SpanId, parent_is_remote: bool) -> Ended {
        let mut encoded = Vec::new();
        let known = Known {
            end: Some(clock::now()),
            ..self.known(context, parent, parent_is_remote)
        };
        wire::write(&mut encoded, &known);
        Ended {
            trace_id: context.trace_id,
            span_id: context.span_id,
            started: self.started(),
            encoded,
            recording: self,
        }
    }
}

impl Ended {
    /// Its tenant, if it says so.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.recording.text_of("tenant.id")
    }

    /// The request that it belongs to, if it says so.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.recording.text_of("correlation_id")
    }
}
