//! The subscriber layer that gives every span its identity, and records those that are sampled.

use std::cell::RefCell;
use std::sync::Arc;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

use super::debug::Watched;
use super::recording::Recording;
use super::room::with_scratch;
use super::{Ask, Debug, Journal, Sinks, TraceContext};
use crate::config::DebugRequests;
use crate::logs::Lifted;

/// How a span that begins here gets its place in a trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Begin {
    /// The caller's span; none starts a new trace.
    pub(crate) parent: Option<TraceContext>,
    /// Whether it is to be looked at closely (`X-Debug-Trace`).
    pub(crate) ask: Ask,
    /// Its id, instead of a random one.
    pub(crate) span_id: Option<SpanId>,
    /// A probe, a scrape, or what the service does by itself: begins no trace that is kept, as they come every few seconds
    /// and say nothing.
    pub(crate) probe: bool,
}

thread_local! {
    static NEXT: RefCell<Option<Begin>> = const { RefCell::new(None) };
}

/// Makes a span whose place in its trace is known beforehand, so that an unsampled one is never built up.
pub(crate) fn begin_with(begin: Begin, make: impl FnOnce() -> Span) -> Span {
    NEXT.set(Some(begin));
    let span = make();
    NEXT.set(None);
    span
}

/// What this crate keeps with every span.
#[derive(Debug)]
pub(crate) struct SpanState {
    pub(crate) context: TraceContext,
    pub(crate) lifted: Lifted,
    parent: SpanId,
    parent_is_remote: bool,
    /// Who may have a request looked at closely, if that was asked.
    allowed: DebugRequests,
    watched: Option<Watched>,
    /// Only while the span may be exported.
    recording: Option<Box<Recording>>,
    /// Where it is written down before its id gets out, and whether it was.
    journal: Option<Arc<Journal>>,
    is_noted: bool,
}

impl SpanState {
    /// Whether the span may be exported.
    pub(crate) fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// Whether the request is looked at closely.
    pub(crate) fn is_debug(&self) -> bool {
        self.context.debug == Debug::Yes
    }

    /// Who asks is known: if that one may, the request is looked at closely from here on.
    pub(crate) fn caller_known(&mut self, is_admin: bool) {
        let may = match self.allowed {
            DebugRequests::Nobody => false,
            DebugRequests::Admin => is_admin,
            DebugRequests::Authenticated | DebugRequests::Anyone => true,
        };
        if may && self.context.debug == Debug::Asked {
            self.context.debug = Debug::Yes;
            self.context.sampled |= self.is_recording();
            self.watched = Some(Watched::new());
        }
    }

    /// The ids under which the span will be found, if it will be.
    pub(crate) fn exported(&self) -> Option<(TraceId, SpanId)> {
        let TraceContext {
            trace_id,
            span_id,
            sampled,
            ..
        } = self.context;
        (sampled && self.is_recording()).then_some((trace_id, span_id))
    }

    /// Writes down what is known of the span, once; answers whether there was anything to do.
    fn note(&mut self, records: &mut Vec<u8>) -> bool {
        let (Some(recording), Some(_)) = (&self.recording, &self.journal) else {
            return false;
        };
        if self.is_noted || !self.context.sampled {
            return false;
        }
        self.is_noted = true;
        recording.note(records, &self.context, self.parent, self.parent_is_remote);
        true
    }

    /// Keeps an event that happened inside of the span, if it may be exported.
    pub(crate) fn keep(&mut self, event: &Event<'_>) {
        if let Some(recording) = &mut self.recording {
            recording.event(event);
        }
    }

    /// Links the span to another one, in whatever trace that is.
    pub(crate) fn link(&mut self, to: &TraceContext) {
        if let Some(recording) = &mut self.recording {
            recording.link(to);
        }
    }

    /// Moves the span under a parent in another process. Children made before stay where they are.
    pub(crate) fn adopt(&mut self, parent: TraceContext) {
        self.parent = parent.span_id;
        self.parent_is_remote = true;
        self.context = TraceContext {
            span_id: self.context.span_id,
            ..parent
        };
        if !self.context.sampled {
            self.recording = None;
        }
    }
}

/// Reads or changes what is kept with `span`; none if the span is disabled or another subscriber's.
pub(crate) fn with_state<T>(span: &Span, read: impl FnOnce(&mut SpanState) -> T) -> Option<T> {
    span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        let mut extensions = span.extensions_mut();
        extensions.get_mut::<SpanState>().map(read)
    })
    .flatten()
}

/// Reads what is kept with the current span. [`Span::current`] would be held meanwhile, which costs more than the reading.
pub(crate) fn with_current<T>(read: impl FnOnce(&SpanState) -> T) -> Option<T> {
    let mut read = Some(read);
    tracing::dispatcher::get_default(|dispatch| {
        let registry = dispatch.downcast_ref::<Registry>()?;
        let span = registry.span(registry.current_span().id()?)?;
        let extensions = span.extensions();
        read.take()
            .zip(extensions.get::<SpanState>())
            .map(|(read, state)| read(state))
    })
}

/// Sees to it that `span`, and what is around it, is known even if the process is killed: its id gets out now.
pub(crate) fn write_down(span: &Span) {
    // Answers nothing for a span that is disabled.
    let _ = span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        let journal = span.extensions().get::<SpanState>()?.journal.clone()?;
        with_scratch(|records| {
            note(&span, records);
            Some(journal.append(records))
        })
    });
}

/// Writes down the span and those around it, up to one that is written down or belongs to something else.
fn note<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>, records: &mut Vec<u8>) {
    let mut wanted = None;
    for span in span.scope() {
        let mut extensions = span.extensions_mut();
        let Some(state) = extensions.get_mut::<SpanState>() else {
            return;
        };
        if wanted.is_some_and(|id| id != state.context.span_id) || !state.note(records) {
            return;
        }
        wanted = Some(state.parent);
    }
}

fn is_of<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>, id: SpanId) -> bool {
    let extensions = span.extensions();
    extensions
        .get::<SpanState>()
        .is_some_and(|state| state.context.span_id == id)
}

/// Gives spans their identity; feeds the exporter. Events come from the layer that writes their lines.
pub(crate) struct SpanLayer {
    pub(crate) debug: DebugRequests,
    pub(crate) sinks: Sinks,
}

impl SpanLayer {
    fn state<S>(&self, attributes: &Attributes<'_>, context: &Context<'_, S>) -> SpanState
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let ids = RandomIdGenerator::default();
        let begin = NEXT.take();
        let decided = begin.is_some();
        let begin = begin.unwrap_or_default();
        let span_id = begin.span_id.unwrap_or_else(|| ids.new_span_id());
        let local = if decided {
            None
        } else {
            local_parent(attributes, context)
        };
        let is_root = local.is_none();
        let parent_is_remote = begin.parent.is_some() && begin.span_id.is_none();
        let (parent, mut own) = match local.or(begin.parent) {
            Some(parent) => (parent.span_id, TraceContext { span_id, ..parent }),
            None => {
                let trace_id = ids.new_trace_id();
                let sampled = !begin.probe && self.sinks.pick(trace_id, decided);
                (
                    SpanId::INVALID,
                    TraceContext {
                        trace_id,
                        span_id,
                        sampled,
                        debug: Debug::No,
                        state: None,
                        baggage: None,
                    },
                )
            }
        };
        own.debug = own.debug.begin(begin.ask, self.debug);
        own.sampled |= own.debug == Debug::Yes && self.sinks.any();
        // A root that nobody decided about may still be given a parent that is sampled: keep it until then.
        let record = self.sinks.any() && (own.sampled || own.debug == Debug::Asked || (is_root && !decided));
        let recording = record.then(|| Box::new(Recording::begin(attributes.metadata().name())));
        SpanState {
            watched: (own.debug == Debug::Yes).then(Watched::new),
            allowed: self.debug,
            context: own,
            lifted: Lifted::default(),
            parent,
            parent_is_remote,
            journal: self.sinks.journal.clone().filter(|_| recording.is_some()),
            is_noted: false,
            recording,
        }
    }
}

fn local_parent<S>(attributes: &Attributes<'_>, context: &Context<'_, S>) -> Option<TraceContext>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let parent = match attributes.parent() {
        Some(id) => context.span(id),
        None if attributes.is_contextual() => context.lookup_current(),
        None => None,
    }?;
    let extensions = parent.extensions();
    extensions.get::<SpanState>().map(|state| state.context.clone())
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut state = self.state(attributes, &context);
        attributes.record(&mut state.lifted);
        if let Some(recording) = &mut state.recording {
            attributes.record(&mut **recording);
        }
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(state);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(state) = extensions.get_mut::<SpanState>() else {
            return;
        };
        values.record(&mut state.lifted);
        if let Some(recording) = &mut state.recording {
            values.record(&mut **recording);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if !self.sinks.any() {
            return;
        }
        let Some(span) = context.span(&id) else { return };
        let Some(mut state) = span.extensions_mut().remove::<SpanState>() else {
            return;
        };
        let Some(recording) = state.recording.take() else {
            return;
        };
        if !state.context.sampled {
            return;
        }
        with_scratch(|around| {
            let parent = span.parent().filter(|parent| is_of(parent, state.parent));
            if let (Some(_), Some(parent)) = (&state.journal, &parent) {
                note(parent, around);
            }
            let ended = recording.end(&state.context, state.parent, state.parent_is_remote);
            self.sinks
                .submit(&ended, state.is_noted, around, parent.is_none());
        });
    }
}
