//! Whether a trace is whole: nothing hangs in the air, and every hop that the audit records tell of is there.

use serde_json::Value;

use super::span::{Span, Trace};

/// What an audit record says happened in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The service that wrote the record.
    pub service: String,
    /// `tools/call`, `job/tool_call` …
    pub action: String,
    /// The tool.
    pub tool: Option<String>,
    /// The job that ran it.
    pub job: Option<String>,
    /// Whether the tool's provider was called and answered.
    pub reached: bool,
}

impl Hop {
    /// What an audit record, as rest-api answers it, tells, and of which trace.
    #[must_use]
    pub fn told_by(record: &Value) -> Option<(String, Self)> {
        let text = |field: &str| {
            let text = record.get(field)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let hop = Self {
            service: text("service").unwrap_or_default(),
            action: text("action").unwrap_or_default(),
            tool: text("tool"),
            job: text("job_id"),
            reached: text("outcome").as_deref() == Some("ok") && text("provider").is_some(),
        };
        Some((text("trace_id")?, hop))
    }
}

/// What is wrong with the trace, in words; nothing if it is whole.
#[must_use]
pub fn faults(trace: &Trace, hops: &[Hop]) -> Vec<String> {
    let orphans = trace.spans.iter().filter(|span| is_orphan(trace, span));
    let orphans = orphans.map(|span| {
        let (service, name) = (&span.service, &span.name);
        format!("orphan: the parent of `{name}` ({service}) is missing")
    });
    let mut faults: Vec<String> = orphans.collect();
    for hop in hops {
        missing(trace, hop, &mut faults);
    }
    faults.sort();
    faults.dedup();
    faults
}

/// A span whose parent is nowhere, although it is one of ours. Only what comes through a public door may have a parent
/// that belongs to somebody else: an HTTP request by its header, an MCP request by its `_meta`, and then it is linked to
/// the HTTP request around it.
fn is_orphan(trace: &Trace, span: &Span) -> bool {
    let Some(parent) = span.parent.as_deref() else {
        return false;
    };
    if trace.span(parent).is_some() {
        return false;
    }
    let is_request = span.kind == "server" && span.attributes.contains_key("http.request.method");
    let is_linked = span.attributes.contains_key("mcp.method.name") && !span.links.is_empty();
    !is_request && !is_linked
}

fn missing(trace: &Trace, hop: &Hop, faults: &mut Vec<String>) {
    let mut want = |service: &str, what: &str, is_it: &dyn Fn(&Span) -> bool| {
        if !trace
            .spans
            .iter()
            .any(|span| span.service == service && is_it(span))
        {
            faults.push(format!("missing: {what} in {service}"));
        }
    };
    let is_message = |span: &Span| span.text("messaging.message.id") == hop.job.as_deref();
    match hop.service.as_str() {
        "mcp-server" => want("mcp-server", &hop.action, &|span| {
            span.text("mcp.method.name") == Some(&hop.action)
        }),
        "worker" if hop.job.is_some() => {
            want("rest-api", "the job's message", &|span| {
                span.kind == "producer" && is_message(span)
            });
            want("worker", "the job's attempt", &|span| {
                span.kind == "consumer" && is_message(span)
            });
        }
        _ => {}
    }
    let runs_here = hop.service == "worker" || hop.job.is_none();
    if let Some(tool) = hop.tool.as_deref().filter(|_| hop.reached && runs_here) {
        want(&hop.service, &format!("the call of `{tool}`"), &|span| {
            span.name == "ExecuteTool" && span.text("tool.name") == Some(tool)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(service: &str, id: &str, parent: Option<&str>, attributes: &[(&str, &str)]) -> Span {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        Span {
            id: id.to_owned(),
            parent: parent.map(str::to_owned),
            service: service.to_owned(),
            kind: "server".to_owned(),
            attributes: attributes.collect(),
            ..Span::default()
        }
    }

    fn call() -> Hop {
        Hop {
            service: "mcp-server".to_owned(),
            action: "tools/call".to_owned(),
            tool: Some("shop_get".to_owned()),
            job: None,
            reached: true,
        }
    }

    fn whole() -> Vec<Span> {
        let execution = Span {
            name: "ExecuteTool".to_owned(),
            ..span("mcp-server", "c", Some("b"), &[("tool.name", "shop_get")])
        };
        vec![
            span(
                "mcp-server",
                "a",
                Some("callers"),
                &[("http.request.method", "POST")],
            ),
            span("mcp-server", "b", Some("a"), &[("mcp.method.name", "tools/call")]),
            execution,
        ]
    }

    #[test]
    fn a_trace_with_every_hop_is_whole_also_below_a_callers_span() {
        let trace = Trace::of("t", whole(), Vec::new());
        assert_eq!(faults(&trace, &[call()]), Vec::<String>::new());
    }

    #[test]
    fn a_lost_span_is_told_by_what_hung_below_it_or_by_the_audit_record() {
        for (lost, told) in [(0, "orphan"), (1, "orphan"), (2, "the call of `shop_get`")] {
            let mut spans = whole();
            spans.remove(lost);
            let faults = faults(&Trace::of("t", spans, Vec::new()), &[call()]);
            assert!(
                faults.iter().any(|fault| fault.contains(told)),
                "{lost}: {faults:?}"
            );
        }
    }

    #[test]
    fn a_job_needs_its_message_and_its_attempt() {
        let hop = Hop {
            service: "worker".to_owned(),
            action: "job/tool_call".to_owned(),
            tool: None,
            job: Some("7".to_owned()),
            reached: false,
        };
        assert_eq!(faults(&Trace::of("t", whole(), Vec::new()), &[hop]).len(), 2);
    }
}
