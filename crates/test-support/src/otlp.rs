//! An OTLP trace receiver (gRPC) inside the test process.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::{ResourceSpans, Span, span::SpanKind},
};
use serde_json::Value;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::{background::Background, wait::eventually};

/// Collects the spans that are sent to it.
pub struct OtlpReceiver {
    endpoint: String,
    spans: Spans,
    texts: Texts,
    _server: Background,
}

type Spans = Arc<Mutex<Vec<ReceivedSpan>>>;
type Texts = Arc<Mutex<Vec<String>>>;

/// A span as it arrived, ids in lower-case hex.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedSpan {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits; empty for a root.
    pub parent_span_id: String,
    /// The span's name.
    pub name: String,
    /// `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub kind: String,
    /// The resource's `service.name`, empty if it has none.
    pub service: String,
    /// The span's attributes.
    pub attributes: BTreeMap<String, Value>,
    /// The resource's attributes.
    pub resource: BTreeMap<String, Value>,
    /// `unset`, `ok` or `error`.
    pub status: String,
    /// The status's message.
    pub status_message: String,
    /// Span ids that it links to, as (trace id, span id).
    pub links: Vec<(String, String)>,
    /// Names of its events, in order.
    pub events: Vec<String>,
    /// Nanoseconds since 1970.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970.
    pub end_unix_nanos: u64,
}

impl OtlpReceiver {
    /// Listens on a free port of the loopback interface until dropped.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let (spans, texts) = (Spans::default(), Texts::default());
        let service = TraceServiceServer::new(Collector(spans.clone(), texts.clone()));
        let server = Background::serve(listener, |listener| async move {
            let router = tonic::transport::Server::builder().add_service(service);
            // An error here is a connection's; the test sees that spans are missing.
            drop(router.serve_with_incoming(TcpListenerStream::new(listener)).await);
        })?;
        Ok(Self {
            endpoint,
            spans,
            texts,
            _server: server,
        })
    }

    /// What to set as OTLP endpoint: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Everything received so far, in order of arrival.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything that was exported, with what [`ReceivedSpan`] leaves out, as text.
    pub fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spans of one trace, in order of arrival.
    pub fn trace(&self, trace_id: &str) -> Vec<ReceivedSpan> {
        self.spans()
            .into_iter()
            .filter(|span| span.trace_id == trace_id)
            .collect()
    }

    /// Waits until a span fits and returns it.
    ///
    /// # Errors
    /// After `deadline`, with the names of the spans that did arrive.
    pub async fn wait_for(
        &self,
        deadline: Duration,
        fits: impl Fn(&ReceivedSpan) -> bool,
    ) -> Result<ReceivedSpan> {
        let find = || async {
            let spans = self.spans();
            let names = || {
                spans
                    .iter()
                    .map(|span| span.name.clone())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            spans
                .iter()
                .find(|span| fits(span))
                .cloned()
                .ok_or_else(|| format!("received only: [{}]", names()))
        };
        eventually(deadline, find).await
    }
}

struct Collector(Spans, Texts);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let text = format!("{request:?}");
        self.1.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        let received = request.resource_spans.into_iter().flat_map(spans_of);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(received);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn spans_of(batch: ResourceSpans) -> Vec<ReceivedSpan> {
    let resource = attributes(
        batch
            .resource
            .map(|resource| resource.attributes)
            .unwrap_or_default(),
    );
    let spans = batch.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| received(span, &resource)).collect()
}

fn received(span: Span, resource: &BTreeMap<String, Value>) -> ReceivedSpan {
    let kind = SpanKind::try_from(span.kind).unwrap_or_default().as_str_name();
    let status = span.status.unwrap_or_default();
    let service = resource
        .get("service.name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ReceivedSpan {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: hex(&span.parent_span_id),
        name: span.name,
        kind: kind.trim_start_matches("SPAN_KIND_").to_lowercase(),
        service: service.to_owned(),
        attributes: attributes(span.attributes),
        resource: resource.clone(),
        status: status
            .code()
            .as_str_name()
            .trim_start_matches("STATUS_CODE_")
            .to_lowercase(),
        status_message: status.message,
        links: span
            .links
            .iter()
            .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
            .collect(),
        events: span.events.into_iter().map(|event| event.name).collect(),
        start_unix_nanos: span.start_time_unix_nano,
        end_unix_nanos: span.end_time_unix_nano,
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, Value> {
    pairs
        .into_iter()
        .map(|pair| (pair.key, json(pair.value)))
        .collect()
}

fn json(value: Option<AnyValue>) -> Value {
    match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text.into(),
        Some(any_value::Value::BoolValue(flag)) => flag.into(),
        Some(any_value::Value::IntValue(number)) => number.into(),
        Some(any_value::Value::DoubleValue(number)) => number.into(),
        Some(any_value::Value::ArrayValue(list)) => {
            list.values.into_iter().map(|item| json(Some(item))).collect()
        }
        Some(any_value::Value::KvlistValue(map)) => {
            Value::Object(attributes(map.values).into_iter().collect())
        }
        Some(any_value::Value::BytesValue(bytes)) => hex(&bytes).into(),
        _ => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
