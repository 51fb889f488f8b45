//! One request under observation: its span, its metrics, its closing line.

use std::sync::Arc;

use domain::CallErrorKind;
use rmcp::ErrorData;
use rmcp::model::RequestMetaObject;
use telemetry::http::Closing;
use telemetry::metrics::GaugeGuard;
use telemetry::propagation;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::asked::Envelope;
use super::caller::{Caller, Door};
use super::method::Method;
use super::metrics::EngineMetrics;
use super::refusal;

/// How a request ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) error: Option<CallErrorKind>,
    /// The status code that metrics show.
    pub(crate) status: u16,
    pub(crate) provider: Option<String>,
    /// In which of MCP's ways the caller was told of the error.
    pub(crate) told: Told,
}

/// The ways in which MCP tells a caller of an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Told {
    /// By the transport alone, or there is none to tell.
    #[default]
    Elsewhere,
    /// As a result with `isError`.
    ByResult,
    /// As a JSON-RPC error with this code.
    ByCode(i32),
}

impl Ending {
    /// Of a call that was answered, well or not.
    pub(crate) fn answered(error: Option<CallErrorKind>, provider: Option<String>) -> Self {
        Self {
            error,
            status: error.map_or(200, CallErrorKind::status),
            provider,
            told: error.map_or(Told::Elsewhere, |_| Told::ByResult),
        }
    }

    /// Of a call of a tool that does not exist for its caller.
    pub(crate) fn unknown_tool(error: &ErrorData) -> Self {
        let kind = CallErrorKind::UnknownTool;
        Self {
            error: Some(kind),
            status: kind.status(),
            ..Self::refused(error)
        }
    }

    /// Of a request that was refused with a JSON-RPC error.
    pub(crate) fn refused(error: &ErrorData) -> Self {
        Self {
            error: Some(refusal::kind(error)),
            status: refusal::status(error),
            provider: None,
            told: Told::ByCode(error.code.0),
        }
    }

    /// Of any request but a tool call.
    fn of<T>(result: &Result<T, ErrorData>) -> Self {
        result
            .as_ref()
            .map_or_else(Self::refused, |_| Self::answered(None, None))
    }

    /// `error.type` as OpenTelemetry's MCP conventions want it: the JSON-RPC code, or `tool_error` for a result with
    /// `isError`. Empty without an error.
    fn error_type(&self) -> String {
        match (self.error, self.told) {
            (None, _) => String::new(),
            (Some(_), Told::ByCode(code)) => code.to_string(),
            (Some(_), Told::ByResult) => "tool_error".to_owned(),
            (Some(kind), Told::Elsewhere) => kind.as_str().to_owned(),
        }
    }

    /// The JSON-RPC code, if the answer has one.
    fn code(&self) -> String {
        match self.told {
            Told::ByCode(code) => code.to_string(),
            _ => String::new(),
        }
    }

    /// `ok`, or the kind of the error.
    pub(crate) fn outcome(&self) -> &'static str {
        self.error.map_or("ok", CallErrorKind::as_str)
    }
}

/// One request, from its arrival on.
pub(crate) struct Operation {
    metrics: Arc<EngineMetrics>,
    /// The method's name.
    endpoint: &'static str,
    /// The tool as a label: `unknown` for names that the caller made up, empty for other methods.
    tool: String,
    door: Door,
    protocol_version: String,
    began: Instant,
    span: Span,
    closing: Option<Closing>,
    _active: Option<GaugeGuard>,
}

impl Operation {
    /// Begins a request of any method but `tools/call`.
    pub(crate) fn begin(
        metrics: &Arc<EngineMetrics>,
        method: Method,
        caller: &Caller,
        envelope: &Envelope<'_>,
    ) -> Self {
        Self::begin_named(metrics, method.as_str(), caller, envelope)
    }

    /// Begins a request of a method that may be none of MCP's.
    pub(crate) fn begin_named(
        metrics: &Arc<EngineMetrics>,
        endpoint: &'static str,
        caller: &Caller,
        envelope: &Envelope<'_>,
    ) -> Self {
        Self::new(metrics, endpoint, String::new(), "", caller, envelope)
    }

    /// Begins a `tools/call`. `name` is what the caller sent, `known` whether it is a tool.
    pub(crate) fn begin_call(
        metrics: &Arc<EngineMetrics>,
        name: &str,
        known: bool,
        caller: &Caller,
        envelope: &Envelope<'_>,
    ) -> Self {
        let label = if known { name } else { "unknown" };
        let mut operation = Self::new(
            metrics,
            Method::CallTool.as_str(),
            label.to_owned(),
            name,
            caller,
            envelope,
        );
        operation._active = Some(metrics.active.with([label]).hold());
        operation.span.in_scope(|| {
            tracing::debug!(event = "tool_call_started", tool = label, "tool call started");
        });
        operation
    }

    fn new(
        metrics: &Arc<EngineMetrics>,
        endpoint: &'static str,
        tool: String,
        name: &str,
        caller: &Caller,
        envelope: &Envelope<'_>,
    ) -> Self {
        let protocol_version = envelope
            .version
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let span = span(endpoint, name, &protocol_version, caller, envelope);
        caller.is_seen();
        Self {
            metrics: Arc::clone(metrics),
            endpoint,
            tool,
            door: caller.door,
            protocol_version,
            began: Instant::now(),
            span,
            closing: caller.closing.clone(),
            _active: None,
        }
    }

    /// The request's span.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Seconds since it began.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Runs `work` inside the span and closes the operation with its result.
    pub(crate) async fn run<T>(
        self,
        work: impl Future<Output = Result<T, ErrorData>>,
    ) -> Result<T, ErrorData> {
        let result = work.instrument(self.span.clone()).await;
        self.end(&Ending::of(&result));
        result
    }

    /// Counts it and writes the closing line.
    pub(crate) fn end(self, ending: &Ending) {
        let seconds = self.seconds();
        let status = ending.status.to_string();
        let error_type = ending.error.map_or("", CallErrorKind::as_str);
        let metrics = &self.metrics;
        metrics
            .requests
            .with([self.endpoint, self.door.as_str(), &self.tool, &status])
            .increment(1);
        metrics
            .duration
            .with([self.endpoint, &status])
            .record_in(&self.span, seconds);
        let (otel_error, code) = (ending.error_type(), ending.code());
        metrics
            .operations
            .with([
                self.endpoint,
                &self.tool,
                self.genai_operation(),
                &otel_error,
                &code,
                &self.protocol_version,
                "tcp",
                self.door.protocol(),
            ])
            .record_in(&self.span, seconds);
        if ending.error.is_some() {
            metrics.errors.with([self.tool.as_str(), error_type]).increment(1);
            self.span.record("error.type", otel_error);
            self.span.record("error.kind", error_type);
            self.span.record("otel.status_code", "ERROR");
        }
        if !code.is_empty() {
            self.span.record("rpc.response.status_code", code);
        }
        self.closing_line(ending, seconds);
    }

    fn closing_line(&self, ending: &Ending, seconds: f64) {
        let _inside = self.span.enter();
        let event = match (self.is_call(), ending.status) {
            (true, ..400) => "tool_call_completed",
            (true, _) => "tool_call_failed",
            (false, ..400) => "mcp_request_completed",
            (false, _) => "mcp_request_failed",
        };
        tracing::info!(
            event,
            endpoint = self.endpoint,
            tool = self.tool,
            provider = ending.provider.as_deref().unwrap_or_default(),
            outcome = ending.outcome(),
            status = ending.status,
            door = self.door.as_str(),
            duration = seconds,
            duration_ms = telemetry::events::milliseconds(seconds),
            "mcp request completed"
        );
        if let Some(closing) = &self.closing {
            closing.written();
        }
    }

    fn is_call(&self) -> bool {
        self.endpoint == Method::CallTool.as_str()
    }

    /// `execute_tool` for a tool call, nothing for any other method.
    fn genai_operation(&self) -> &'static str {
        if self.is_call() { "execute_tool" } else { "" }
    }
}

/// The server span of a request, under the trace that `_meta` names, else under the HTTP request's. Where that one is
/// the current span and is not exported, it is the request's too.
fn span(
    method: &'static str,
    tool: &str,
    protocol_version: &str,
    caller: &Caller,
    envelope: &Envelope<'_>,
) -> Span {
    let has_parent = names_a_parent(envelope.meta);
    if envelope.in_request && !has_parent && !propagation::is_recording() {
        return Span::current();
    }
    let tool = Some(tool).filter(|tool| !tool.is_empty());
    let wire = caller.wire.as_deref();
    let make = || {
        tracing::info_span!(
            "mcp_request",
            otel.name = tool.map_or_else(|| method.to_owned(), |tool| format!("{method} {tool}")),
            otel.kind = "server",
            otel.status_code = Empty,
            mcp.method.name = method,
            mcp.protocol.version = protocol_version,
            mcp.session.id = caller.session_id.as_deref(),
            gen_ai.tool.name = tool,
            gen_ai.operation.name = tool.map(|_| "execute_tool"),
            jsonrpc.request.id = %envelope.id,
            network.transport = "tcp",
            network.protocol.name = caller.door.protocol(),
            ws.connection_id = caller.session_id.as_deref().filter(|_| wire.is_some()),
            ws.message_type = wire.map(|wire| wire.message_type),
            ws.sequence_id = wire.map(|wire| wire.sequence),
            ws.protocol_version = wire.map(|wire| wire.version),
            ws.compressed = wire.map(|wire| wire.compressed),
            ws.message_size = wire.map(|wire| wire.bytes),
            ws.encoding = wire.map(|wire| wire.encoding),
            ws.ping_latency_ms = wire.and_then(|wire| wire.ping_latency_ms),
            rpc.response.status_code = Empty,
            error.type = Empty,
            error.kind = Empty,
            tenant.id = %caller.principal.tenant_id,
            correlation_id = &*caller.request_id,
            tenant_id = %caller.principal.tenant_id,
            user_id = caller.principal.name.as_str(),
        )
    };
    if has_parent {
        // Transport and protocol have contexts of their own: one HTTP request may carry several of MCP, and the other way.
        let span = propagation::span_from_caller(&envelope.meta.0.0, caller.trace.as_ref(), make);
        if let Some(around) = &caller.trace {
            propagation::link(&span, around);
        }
        span
    } else {
        propagation::span_under(caller.trace.as_ref(), make)
    }
}

fn names_a_parent(meta: &RequestMetaObject) -> bool {
    meta.get_traceparent().is_some()
}
