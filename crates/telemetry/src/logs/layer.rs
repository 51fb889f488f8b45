//! The subscriber layer that turns events into lines.

use std::cell::Cell;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::LogWriter;
use super::fields::EventFields;
use super::json::JsonStyle;
use super::pretty::PrettyStyle;
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
        match *self.metadata.level() {
            Level::ERROR if self.fields.critical => "CRITICAL",
            level => level.as_str(),
        }
    }
}

/// How a line becomes text.
pub(crate) enum Style {
    /// One JSON object.
    Json(JsonStyle),
    /// For people.
    Pretty(PrettyStyle),
}

impl Style {
    fn format(&self, line: &Line<'_>, out: &mut Vec<u8>) {
        match self {
            Style::Json(style) => style.format(line, out),
            Style::Pretty(style) => out.extend(style.format(line)),
        }
    }
}

/// Formats each event where it happens and hands the line to the writer.
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
        // A value whose `Debug` logs something itself finds the thread's parts in use.
        let mut parts = PARTS.take();
        parts.fields.read(event);
        let mut trace = None;
        for span in context.event_scope(event).into_iter().flatten() {
            let extensions = span.extensions();
            let Some(state) = extensions.get::<SpanState>() else {
                continue;
            };
            trace.get_or_insert_with(|| state.context.clone());
            parts.fields.lifted.fill_from(&state.lifted);
        }
        let line = Line {
            time: clock::now(),
            metadata: event.metadata(),
            fields: &parts.fields,
            trace,
        };
        parts.text.clear();
        self.style.format(&line, &mut parts.text);
        self.writer.write(&parts.text);
        if let Some(export) = &self.export {
            export.submit(&line);
        }
        if parts.text.capacity() <= KEPT {
            PARTS.set(parts);
        }
    }
}

/// What a thread makes its lines in.
#[derive(Default)]
struct Parts {
    fields: EventFields,
    text: Vec<u8>,
}

/// Largest line whose room is kept, in bytes: a few long ones should not be paid for by every thread for ever.
const KEPT: usize = 16 << 10;

thread_local! {
    static PARTS: Cell<Parts> = Cell::default();
}
