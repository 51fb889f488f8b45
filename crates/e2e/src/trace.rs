//! The spans of one trace as a tree.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use test_support::{OtlpReceiver, ReceivedSpan, eventually};

/// A trace that was received, whole as far as its parents go.
pub struct Trace {
    spans: Vec<ReceivedSpan>,
    root_parent: String,
}

impl Trace {
    /// Waits until the trace has every span that `wanted` looks for, and no span whose parent is missing. `root_parent`
    /// is the span id that the test gave as parent; empty if it gave none.
    ///
    /// # Errors
    /// When that is not so within `deadline`, with the tree as it is.
    pub async fn whole(
        otlp: &OtlpReceiver,
        trace_id: &str,
        root_parent: &str,
        deadline: Duration,
        wanted: &[(&str, &str)],
    ) -> Result<Self> {
        let probe = || async {
            let trace = Self {
                spans: otlp.trace(trace_id),
                root_parent: root_parent.to_owned(),
            };
            for (service, name) in wanted {
                let found = trace.span(service, name);
                found.with_context(|| {
                    format!("no span `{name}` of {service}; received:\n{}", trace.drawn())
                })?;
            }
            let orphans = trace.orphans();
            ensure!(orphans.is_empty(), "orphans {orphans:?} in\n{}", trace.drawn());
            Ok(trace)
        };
        eventually(deadline, probe).await
    }

    /// Its spans.
    pub fn spans(&self) -> &[ReceivedSpan] {
        &self.spans
    }

    /// The services that took part.
    pub fn services(&self) -> BTreeSet<&str> {
        self.spans.iter().map(|span| span.service.as_str()).collect()
    }

    /// The first span of a service whose name begins so.
    pub fn span(&self, service: &str, name: &str) -> Option<&ReceivedSpan> {
        self.spans
            .iter()
            .find(|span| span.service == service && span.name.starts_with(name))
    }

    /// The span with this id.
    pub fn by_id(&self, id: &str) -> Option<&ReceivedSpan> {
        self.spans.iter().find(|span| span.span_id == id)
    }

    /// The span's ancestors, nearest first.
    pub fn ancestors(&self, span: &ReceivedSpan) -> Vec<&ReceivedSpan> {
        let mut found: Vec<&ReceivedSpan> = Vec::new();
        let mut parent = self.by_id(&span.parent_span_id);
        while let Some(span) = parent.filter(|_| found.len() < self.spans.len()) {
            found.push(span);
            parent = self.by_id(&span.parent_span_id);
        }
        found
    }

    /// Names of spans whose parent was not received.
    fn orphans(&self) -> Vec<&str> {
        let known: HashMap<&str, ()> = self
            .spans
            .iter()
            .map(|span| (span.span_id.as_str(), ()))
            .collect();
        let is_orphan = |span: &&ReceivedSpan| {
            let parent = span.parent_span_id.as_str();
            parent != self.root_parent && !known.contains_key(parent)
        };
        let orphans = self.spans.iter().filter(is_orphan);
        orphans.map(|span| span.name.as_str()).collect()
    }

    /// The tree, for messages.
    pub fn drawn(&self) -> String {
        let mut text = String::new();
        let mut spans: Vec<_> = self.spans.iter().collect();
        spans.sort_by_key(|span| span.start_unix_nanos);
        for span in spans {
            let depth = self.ancestors(span).len();
            let (kind, service, name) = (&span.kind, &span.service, &span.name);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:indent$}{service} {kind} {name}", "", indent = depth * 2);
        }
        text
    }
}
