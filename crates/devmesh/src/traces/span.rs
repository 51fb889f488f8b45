//! A trace, whatever it was read from; and how Jaeger writes one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The spans of one trace that a back end has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// 32 hexadecimal digits.
    pub id: String,
    /// In the order in which they began.
    pub spans: Vec<Span>,
    /// What the back end says is missing.
    pub warnings: Vec<String>,
}

/// One span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// 16 hexadecimal digits.
    pub id: String,
    /// Its parent's.
    pub parent: Option<String>,
    /// Spans that it is linked to, as (trace, span).
    pub links: Vec<(String, String)>,
    /// The service that recorded it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `server`, `client`, `producer`, `consumer` or `internal`.
    pub kind: String,
    /// Microseconds since 1970.
    pub start: u64,
    /// Microseconds.
    pub duration: u64,
    /// What went wrong, where something did: `error.type`, the status's text, or `error`.
    pub error: Option<String>,
    /// Attributes.
    pub attributes: BTreeMap<String, Value>,
}

impl Span {
    /// An attribute as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    /// Sets `error` from the attributes, for a span whose status says that it failed.
    pub(super) fn failed(&mut self, description: Option<&str>) {
        let why = self
            .text("error.type")
            .or(description.filter(|text| !text.is_empty()));
        self.error = Some(why.unwrap_or("error").to_owned());
    }
}

impl Trace {
    /// A trace with these spans, in order.
    #[must_use]
    pub fn of(id: &str, mut spans: Vec<Span>, warnings: Vec<String>) -> Self {
        spans.sort_by(|one, other| (one.start, &one.id).cmp(&(other.start, &other.id)));
        // A back end that was sent a span twice may answer it twice.
        spans.dedup_by(|one, other| one.id == other.id);
        Self {
            id: id.to_owned(),
            spans,
            warnings,
        }
    }

    /// The span with this id.
    #[must_use]
    pub fn span(&self, id: &str) -> Option<&Span> {
        self.spans.iter().find(|span| span.id == id)
    }
}

/// An answer of Jaeger's query API, and of the mesh.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) data: Vec<JaegerTrace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JaegerTrace {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(default)]
    spans: Vec<JaegerSpan>,
    #[serde(default)]
    processes: BTreeMap<String, Process>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    service_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan {
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: String,
    #[serde(default)]
    references: Vec<Reference>,
    start_time: u64,
    duration: u64,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(rename = "processID", default)]
    process_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: String,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    value: Value,
}

impl From<JaegerTrace> for Trace {
    fn from(trace: JaegerTrace) -> Self {
        let service = |id: &str| {
            let process = trace.processes.get(id);
            process.map_or_else(|| id.to_owned(), |process| process.service_name.clone())
        };
        let (id, warnings) = (&trace.trace_id, trace.warnings.unwrap_or_default());
        let spans = trace.spans.into_iter().map(|span| span.read(&service)).collect();
        Trace::of(id, spans, warnings)
    }
}

impl JaegerSpan {
    fn read(self, service: &impl Fn(&str) -> String) -> Span {
        let (parents, links): (Vec<_>, Vec<_>) = self
            .references
            .into_iter()
            .partition(|reference| reference.ref_type == "CHILD_OF");
        let mut attributes: BTreeMap<_, _> = self.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let kind = attributes.remove("span.kind");
        let status = attributes.remove("otel.status_code");
        let description = attributes.remove("otel.status_description");
        let error = attributes.remove("error");
        let mut span = Span {
            id: self.span_id,
            parent: parents.into_iter().next().map(|parent| parent.span_id),
            links: links
                .into_iter()
                .map(|link| (link.trace_id, link.span_id))
                .collect(),
            service: service(&self.process_id),
            name: self.operation_name,
            kind: kind
                .as_ref()
                .and_then(Value::as_str)
                .unwrap_or("internal")
                .to_owned(),
            start: self.start_time,
            duration: self.duration,
            error: None,
            attributes,
        };
        if error == Some(Value::Bool(true)) || status == Some("ERROR".into()) {
            span.failed(description.as_ref().and_then(Value::as_str));
        }
        span
    }
}
