//! W3C Trace Context and baggage, in and out of anything that can carry text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::SpanId;
use tracing::Span;
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::digits;
use crate::trace::{
    Ask, Begin, Debug, SpanState, TraceContext, begin_with, with_current, with_state, write_down,
};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";

/// Text by name: headers, a job row's map, MCP's `_meta`.
pub trait Carrier {
    /// The value under `name` (lower case).
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;
}

/// A carrier that can be written.
pub trait CarrierMut {
    /// Puts `value` under `name` (lower case), in place of what was there.
    fn put(&mut self, name: &'static str, value: &str);
}

impl Carrier for HeaderMap {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        HeaderMap::get(self, name)?.to_str().ok().map(Cow::Borrowed)
    }
}

impl CarrierMut for HeaderMap {
    fn put(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.insert(HeaderName::from_static(name), value);
        }
    }
}

impl Carrier for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        BTreeMap::get(self, name).map(|value| Cow::Borrowed(value.as_str()))
    }
}

impl CarrierMut for BTreeMap<String, String> {
    fn put(&mut self, name: &'static str, value: &str) {
        self.insert(name.to_owned(), value.to_owned());
    }
}

impl Carrier for serde_json::Map<String, serde_json::Value> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        serde_json::Map::get(self, name)?.as_str().map(Cow::Borrowed)
    }
}

impl CarrierMut for serde_json::Map<String, serde_json::Value> {
    fn put(&mut self, name: &'static str, value: &str) {
        self.insert(name.to_owned(), value.into());
    }
}

/// Writes the current span as the parent of whatever reads the carrier. Without a span nothing is written.
pub fn inject(carrier: &mut impl CarrierMut) {
    if let Some(context) = with_current(|state| state.context.clone()) {
        if context.sampled {
            write_down(&Span::current());
        }
        put(&context, carrier);
    }
}

/// Writes `span` as the parent of whatever reads the carrier.
pub fn inject_span(span: &Span, carrier: &mut impl CarrierMut) {
    if let Some(context) = with_state(span, |state| state.context.clone()) {
        if context.sampled {
            write_down(span);
        }
        put(&context, carrier);
    }
}

fn put(context: &TraceContext, carrier: &mut impl CarrierMut) {
    carrier.put(TRACEPARENT, &context.traceparent());
    if let Some(state) = context.debug.put(context.state.as_deref()) {
        carrier.put(TRACESTATE, &state);
    }
    if let Some(baggage) = &context.baggage {
        carrier.put(BAGGAGE, baggage);
    }
}

/// The current span's context as a map, for job rows and message headers. Empty without a span.
#[must_use]
pub fn current_context() -> BTreeMap<String, String> {
    let mut context = BTreeMap::new();
    inject(&mut context);
    context
}

/// Makes the span that the carrier names the parent of `span`, and follows its sampling decision.
/// Call it right after the span was made; answers whether the carrier named one.
///
/// [`span_from`] does the same before the span is built, which is cheaper when the trace is not sampled.
pub fn set_parent(span: &Span, carrier: &impl Carrier) -> bool {
    let Some(parent) = extract(carrier) else {
        return false;
    };
    with_state(span, |state| state.adopt(parent)).is_some()
}

/// Says that who asks for `span`'s request has shown who it is: a caller that may (`tracing.debug_requests`) and asked for
/// it (`X-Debug-Trace`) has the request looked at closely from here on, through all services.
pub fn caller_known(span: &Span, is_admin: bool) {
    // A disabled span has nothing that could be looked at.
    let _ = with_state(span, |state| state.caller_known(is_admin));
}

/// Makes a span (`make` is `|| info_span!(…)`) under the parent that the carrier names, or the root of a new trace.
/// What the current span is does not matter. The carrier is the mesh's own: a job's row, a message.
pub fn span_from(carrier: &impl Carrier, make: impl FnOnce() -> Span) -> Span {
    begin_with(
        Begin {
            parent: extract(carrier),
            ask: Ask::Ours,
            ..Begin::default()
        },
        make,
    )
}

/// As [`span_from`], with a carrier that a caller made (MCP's `_meta`) and what is known of the request around it.
pub fn span_from_caller(
    carrier: &impl Carrier,
    around: Option<&Parent>,
    make: impl FnOnce() -> Span,
) -> Span {
    let mut parent = extract(carrier);
    if let Some(parent) = &mut parent {
        parent.debug = around.map_or(Debug::No, |around| around.0.debug);
    }
    let begin = Begin {
        parent,
        ..Begin::default()
    };
    begin_with(begin, make)
}

/// Makes a span under the current one. Where there is none, it begins a trace that nobody keeps: of what a service does by
/// itself every few seconds, each statement would be a trace of one span.
pub fn span_of_caller(make: impl FnOnce() -> Span) -> Span {
    if with_current(|_| ()).is_some() {
        return make();
    }
    let begin = Begin {
        probe: true,
        ..Begin::default()
    };
    begin_with(begin, make)
}

/// A span's place in its trace, to begin others under it.
#[derive(Clone, Debug)]
pub struct Parent(TraceContext);

impl Parent {
    /// Of the current span.
    #[must_use]
    pub fn current() -> Option<Self> {
        let context = with_current(|state| state.context.clone())?;
        if context.sampled {
            write_down(&Span::current());
        }
        Some(Self(context))
    }

    /// The one that the carrier names, if it is valid.
    #[must_use]
    pub fn named(carrier: &impl Carrier) -> Option<Self> {
        extract(carrier).map(Self)
    }
}

/// A span id that follows from something else than chance: whoever knows the same can name the span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanKey(pub [u8; 8]);

/// Makes a span with this id under the current one.
pub fn span_with_key(key: SpanKey, make: impl FnOnce() -> Span) -> Span {
    let begin = Begin {
        parent: Parent::current().map(|parent| parent.0),
        span_id: Some(SpanId::from_bytes(key.0)),
        ..Begin::default()
    };
    begin_with(begin, make)
}

/// Links `span` to the one of its trace that has this id.
pub fn link_by_key(span: &Span, key: SpanKey) {
    // As in `link`.
    let _ = with_state(span, |state| {
        let to = TraceContext {
            span_id: SpanId::from_bytes(key.0),
            ..state.context.clone()
        };
        state.link(&to);
    });
}

/// Links `span` to the one at `to`, which caused or came before it without being its parent.
pub fn link(span: &Span, to: &Parent) {
    // Answers nothing for a span that is not recorded, which has no links to show.
    let _ = with_state(span, |state| state.link(&to.0));
}

/// Makes a span under `parent`, or the root of a new trace; see [`span_from`].
pub fn span_under(parent: Option<&Parent>, make: impl FnOnce() -> Span) -> Span {
    let parent = parent.map(|parent| parent.0.clone());
    let begin = Begin {
        parent,
        ..Begin::default()
    };
    begin_with(begin, make)
}

/// Whether the current span is exported. Where it is not, a further span inside of it is seen by nobody: log lines have
/// the trace and the caller from the one around it.
#[must_use]
pub fn is_recording() -> bool {
    with_current(|state| state.is_recording()).unwrap_or(true)
}

/// The parent that the carrier names, if it is valid.
pub(crate) fn extract(carrier: &impl Carrier) -> Option<TraceContext> {
    let context = TraceContext::parse(&carrier.get(TRACEPARENT)?)?;
    Some(
        context
            .with_state(carrier.get(TRACESTATE).as_deref())
            .with_baggage(carrier.get(BAGGAGE).as_deref()),
    )
}

/// The current span's trace id, 32 hexadecimal digits.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    with_current(|state| digits::text(&state.context.trace_id.to_bytes()))
}

/// The trace id of `span`.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    with_state(span, |state| digits::text(&state.context.trace_id.to_bytes()))
}

/// The request id (`correlation_id`) of the current span or the nearest one around it.
#[must_use]
pub fn current_request_id() -> Option<String> {
    Span::current()
        .with_subscriber(|(id, dispatch)| {
            let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
            span.scope().find_map(|span| {
                let extensions = span.extensions();
                let state = extensions.get::<SpanState>()?;
                state.lifted.correlation_id.as_deref().map(str::to_owned)
            })
        })
        .flatten()
}
