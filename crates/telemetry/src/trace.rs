//! Spans: their identity, the sampling decision, and what of them is exported.
//!
//! The identity of a span (trace id, span id, sampled or not) always exists. The rest of it, attributes and
//! events, is only kept for spans that will be exported: the decision falls when a trace begins, before
//! anything is built, so that a request that is not sampled costs next to nothing.

mod attributes;
mod context;
mod debug;
mod ended;
mod export;
mod journal;
mod layer;
mod name;
mod recording;
mod room;
mod sampler;
mod sinks;
mod wire;

pub(crate) use context::TraceContext;
pub(crate) use debug::{Ask, Debug, any_open as any_debug_open};
pub(crate) use ended::Ended;
pub(crate) use export::SpanExport;
pub(crate) use journal::{Journal, Left, LeftSpans};
pub(crate) use layer::{Begin, SpanLayer, SpanState, begin_with, with_current, with_state, write_down};
pub(crate) use sampler::Sampler;
pub(crate) use sinks::Sinks;
pub(crate) use wire::Batch;
