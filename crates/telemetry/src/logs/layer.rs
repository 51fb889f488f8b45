//! The subscriber layer that turns events into lines.

use std::cell::Cell;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::LogWriter;
use super::fields::{EventFields, Lifted};
use super::json::{JsonLine, JsonStyle};
use super::pretty::PrettyStyle;
use super::shape::Shape;
use super::values::Values;
use crate::clock;
use crate::otlp::LogExport;
use crate::trace::{SpanState, TraceContext};

/// One event with all that a line may show of it.
pub(crate) struct Line<'a> {
    pub(crate) time: SystemTime,
    pub(crate) metadata: &'a Metadata<'static>,
    pub(crate) fields: &'a EventFields,
    pub(crate) trace: Option<TraceContext>,
}

impl Line<'_> {
    /// The level as it is printed.
    pub(crate) fn level(&self) -> &'static str {
        level(*self.metadata.level(), self.fields.critical)
    }
}

/// The level as it is printed.
pub(super) fn level(level: Level, is_critical: bool) -> &'static str {
    match level {
        Level::ERROR if is_critical => "CRITICAL",
        level => level.as_str(),
    }
}

/// How a line becomes text.
pub(crate) enum Style {
    /// One JSON object.
    Json(JsonStyle),
    /// For people.
    Pretty(PrettyStyle),
}

/// Formats each event where it happens, hands the line to the writer, and the event to the span that it happened in.
pub(crate) struct LogLayer {
    pub(crate) style: Style,
    pub(crate) writer: LogWriter,
    pub(crate) export: Option<Arc<LogExport>>,
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // A value whose `Debug` logs something itself finds the thread's parts in use, and makes its own.
        let mut parts = PARTS.take().unwrap_or_default();
        let time = clock::now();
        let around = Around::of(event, &context);
        let pretty = match &self.style {
            Style::Json(style) => {
                parts.json(style, time, event, &around);
                self.writer.write(&parts.text);
                None
            }
            Style::Pretty(style) => Some(style),
        };
        if pretty.is_some() || self.export.is_some() {
            let line = parts.line(time, event, around);
            if let Some(style) = pretty {
                self.writer.write(&style.format(&line));
            }
            if let Some(export) = &self.export {
                export.submit(&line);
            }
        }
        if parts.text.capacity().max(parts.values.capacity()) <= KEPT {
            PARTS.set(Some(parts));
        }
    }
}

/// What an event has from the spans around it.
#[derive(Default)]
struct Around {
    trace: Option<TraceContext>,
    lifted: Lifted,
}

impl Around {
    /// Looks at them once for all that there is to do: the innermost one keeps the event too, if it is exported.
    fn of<S>(event: &Event<'_>, context: &Context<'_, S>) -> Self
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let mut around = Self::default();
        let mut next = context.event_span(event);
        while let Some(span) = next {
            let mut keeps = false;
            if let Some(state) = span.extensions().get::<SpanState>() {
                keeps = around.trace.is_none() && state.is_recording();
                around.trace.get_or_insert_with(|| state.context.clone());
                around.lifted.fill_from(&state.lifted);
            }
            if keeps && let Some(state) = span.extensions_mut().get_mut::<SpanState>() {
                state.keep(event);
            }
            next = if around.lifted.is_full() {
                None
            } else {
                span.parent()
            };
        }
        around
    }
}

impl Parts {
    /// Writes the line as JSON.
    fn json(&mut self, style: &JsonStyle, time: SystemTime, event: &Event<'_>, around: &Around) {
        let Self { values, text, .. } = self;
        text.clear();
        Shape::with(event.metadata(), |shape| {
            values.read(event, shape);
            values.lifted.fill_from(&around.lifted);
            let line = JsonLine {
                time,
                level: *event.metadata().level(),
                shape,
                values,
                trace: around.trace.as_ref(),
            };
            style.format(&line, text);
        });
    }

    /// The line with its values as they are.
    fn line(&mut self, time: SystemTime, event: &Event<'_>, around: Around) -> Line<'_> {
        self.fields.read(event);
        self.fields.lifted.fill_from(&around.lifted);
        Line {
            time,
            metadata: event.metadata(),
            fields: &self.fields,
            trace: around.trace,
        }
    }
}

/// What a thread makes its lines in.
#[derive(Default)]
struct Parts {
    values: Values,
    text: Vec<u8>,
    /// For those who want the values as they are.
    fields: EventFields,
}

/// Largest line whose room is kept, in bytes: a few long ones should not be paid for by every thread for ever.
const KEPT: usize = 16 << 10;

thread_local! {
    static PARTS: Cell<Option<Box<Parts>>> = const { Cell::new(None) };
}
