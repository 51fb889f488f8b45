//! A trace as a tree.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use serde_json::{Value, json};

use super::span::{Span, Trace};
use crate::terminal::{BAD, BOLD, DIM, WARN, paint};

/// The spans below each span, and those that are below none, in the order in which they began.
struct Forest<'a> {
    children: HashMap<&'a str, Vec<&'a Span>>,
    roots: Vec<&'a Span>,
}

impl<'a> Forest<'a> {
    fn of(trace: &'a Trace) -> Self {
        let known: BTreeSet<&str> = trace.spans.iter().map(|span| span.id.as_str()).collect();
        let mut forest = Self {
            children: HashMap::new(),
            roots: Vec::new(),
        };
        for span in &trace.spans {
            match span.parent.as_deref().filter(|parent| known.contains(parent)) {
                Some(parent) => forest.children.entry(parent).or_default().push(span),
                None => forest.roots.push(span),
            }
        }
        forest
    }

    fn below(&self, span: &Span) -> &[&'a Span] {
        self.children.get(span.id.as_str()).map_or(&[], Vec::as_slice)
    }
}

/// For people: a line a span, with its service, how long it took, since when, how it ended and what it is linked to.
#[must_use]
pub fn drawn(trace: &Trace) -> String {
    let forest = Forest::of(trace);
    let services: BTreeSet<&str> = trace.spans.iter().map(|span| span.service.as_str()).collect();
    let start = trace.spans.first().map_or(0, |span| span.start);
    let end = trace.spans.iter().map(|span| span.start + span.duration).max();
    let mut drawing = Drawing {
        forest: &forest,
        trace,
        start,
        width: services.iter().map(|name| name.len()).max().unwrap_or_default(),
        text: String::new(),
        seen: BTreeSet::new(),
    };
    let head = format!(
        "trace {}: {} spans, {} services, {}",
        trace.id,
        trace.spans.len(),
        services.len(),
        length(end.unwrap_or(start) - start)
    );
    drawing.line(&paint(BOLD, head));
    for root in &forest.roots {
        drawing.span(root, "", "");
    }
    for warning in &trace.warnings {
        drawing.line(&paint(WARN, warning));
    }
    drawing.text.trim_end().to_owned()
}

struct Drawing<'a> {
    forest: &'a Forest<'a>,
    trace: &'a Trace,
    start: u64,
    width: usize,
    text: String,
    /// Spans that name each other as parents must not keep us here.
    seen: BTreeSet<&'a str>,
}

impl<'a> Drawing<'a> {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    fn span(&mut self, span: &'a Span, branch: &str, below: &str) {
        if !self.seen.insert(&span.id) {
            return;
        }
        let times = format!(
            "{:>9} +{}",
            length(span.duration),
            length(span.start.saturating_sub(self.start))
        );
        let line = format!(
            "{:width$}  {branch}{}  {}{}{}",
            span.service,
            paint(BOLD, &span.name),
            paint(DIM, times.trim_start()),
            span.error
                .as_ref()
                .map_or_else(String::new, |error| format!("  {}", paint(BAD, error))),
            self.links(span),
            width = self.width,
        );
        self.line(&line);
        let children = self.forest.below(span);
        for (index, child) in children.iter().enumerate() {
            let (branch, deeper) = match index + 1 == children.len() {
                true => ("└ ", "  "),
                false => ("├ ", "│ "),
            };
            self.span(child, &format!("{below}{branch}"), &format!("{below}{deeper}"));
        }
    }

    fn links(&self, span: &Span) -> String {
        let named = |(trace, id): &(String, String)| match self.trace.span(id) {
            Some(span) => format!("{} {}", span.service, span.name),
            None if *trace == self.trace.id => format!("span {id}"),
            None => format!("trace {trace}"),
        };
        let links: Vec<String> = span.links.iter().map(named).collect();
        if links.is_empty() {
            return String::new();
        }
        format!("  {}", paint(DIM, format!("linked to {}", links.join(", "))))
    }
}

/// Microseconds, for people.
fn length(micros: u64) -> String {
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// For programs: the spans as they hang together.
#[must_use]
pub fn json(trace: &Trace) -> Value {
    let forest = Forest::of(trace);
    let mut seen = BTreeSet::new();
    let roots: Vec<Value> = forest
        .roots
        .iter()
        .filter_map(|span| node(&forest, span, &mut seen))
        .collect();
    json!({ "trace_id": trace.id, "span_count": trace.spans.len(), "spans": roots, "warnings": trace.warnings })
}

fn node<'a>(forest: &Forest<'a>, span: &'a Span, seen: &mut BTreeSet<&'a str>) -> Option<Value> {
    if !seen.insert(&span.id) {
        return None;
    }
    let link = |(trace, id): &(String, String)| json!({ "trace_id": trace, "span_id": id });
    let children: Vec<Value> = forest
        .below(span)
        .iter()
        .filter_map(|child| node(forest, child, seen))
        .collect();
    Some(json!({
        "span_id": span.id,
        "parent_span_id": span.parent,
        "service": span.service,
        "name": span.name,
        "kind": span.kind,
        "start_unix_us": span.start,
        "duration_us": span.duration,
        "status": if span.error.is_some() { "error" } else { "ok" },
        "error": span.error,
        "links": span.links.iter().map(link).collect::<Vec<_>>(),
        "attributes": span.attributes,
        "children": children,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: Option<&str>, start: u64) -> Span {
        Span {
            id: id.to_owned(),
            parent: parent.map(str::to_owned),
            service: "worker".to_owned(),
            name: format!("span {id}"),
            start,
            duration: 1_500,
            ..Span::default()
        }
    }

    #[test]
    fn children_hang_below_their_parents_in_the_order_of_time() {
        let mut late = span("c", Some("a"), 30);
        late.error = Some("timeout".to_owned());
        late.links = vec![
            ("t".to_owned(), "b".to_owned()),
            ("elsewhere".to_owned(), "x".to_owned()),
        ];
        let trace = Trace::of(
            "t",
            vec![
                late,
                span("d", Some("b"), 25),
                span("b", Some("a"), 20),
                span("a", None, 10),
            ],
            Vec::new(),
        );
        let text = anstream::adapter::strip_str(&drawn(&trace)).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "worker  span a  1.5 ms +0 µs");
        assert_eq!(lines[2], "worker  ├ span b  1.5 ms +10 µs");
        assert_eq!(lines[3], "worker  │ └ span d  1.5 ms +15 µs");
        assert_eq!(
            lines[4],
            "worker  └ span c  1.5 ms +20 µs  timeout  linked to worker span b, trace elsewhere"
        );
        assert_eq!(
            json(&trace)["spans"][0]["children"][0]["children"][0]["span_id"],
            "d"
        );
    }

    #[test]
    fn spans_that_are_each_others_parents_end() {
        let trace = Trace::of(
            "t",
            vec![span("a", Some("b"), 1), span("b", Some("a"), 2)],
            Vec::new(),
        );
        assert_eq!(drawn(&trace).lines().count(), 1);
    }
}
