//! Trace context: from the task into its handler's span, and from there into what is said of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::Span;

use crate::Task;

/// W3C trace context by name: `traceparent`, `tracestate`, `baggage`.
pub type Context = BTreeMap<String, String>;

/// How handlers get their spans. An application that exports spans brings its own.
pub trait Tracing: Send + Sync + 'static {
    /// The span in which the task's handler runs: a child of [`Task::trace`].
    fn span(&self, task: &Task) -> Span;

    /// What is sent with everything that is said of the task: the context of that span.
    fn context(&self, task: &Task, span: &Span) -> Context;
}

/// Without an exporter a span of this process would be a parent that nobody finds: the task's own context is passed on, so that
/// what the mesh does for the agent stays in the trace of whoever created the task.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carry;

impl Tracing for Carry {
    fn span(&self, task: &Task) -> Span {
        let traceparent = task.trace().get("traceparent").map_or("", String::as_str);
        tracing::info_span!(
            "agent.task",
            task.id = task.id(),
            task.r#type = task.kind(),
            traceparent
        )
    }

    fn context(&self, task: &Task, _: &Span) -> Context {
        task.trace().clone()
    }
}

impl<T: Tracing> Tracing for Arc<T> {
    fn span(&self, task: &Task) -> Span {
        (**self).span(task)
    }

    fn context(&self, task: &Task, span: &Span) -> Context {
        (**self).context(task, span)
    }
}
