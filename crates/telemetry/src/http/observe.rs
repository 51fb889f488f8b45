//! The middleware: from the request's head to the end of its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use tracing::{Instrument, Span};

use super::body::{CountedBody, ObservedBody};
use super::request::{self, RequestSpan, Route, Seen};
use super::{HttpMetrics, LongAnswer};
use crate::endpoints::problem;
use crate::ids::{REQUEST_ID, RequestId};
use crate::metrics::GaugeGuard;
use crate::propagation;
use crate::telemetry::Telemetry;

/// What nginx calls a request whose caller went away.
const CLIENT_CLOSED: &str = "499";

pub(super) async fn observe(
    State(telemetry): State<Telemetry>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = Route::of(&request);
    let id = request::request_id(request.headers());
    let span = request::span(&request, &route, &id);
    request.extensions_mut().insert(id.clone());
    let shown = RequestSpan::new(span.clone());
    let exchange = Exchange::begin(telemetry, route, span.clone(), shown.seen());
    request.extensions_mut().insert(shown);
    let request = exchange.count_request_body(request);
    let mut response = match AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(span.clone())
        .await
    {
        Ok(response) => response,
        Err(panic) => span.in_scope(|| exchange.panicked(&*panic)),
    };
    add_ids(response.headers_mut(), &id, &span);
    exchange.answer(response)
}

fn add_ids(headers: &mut HeaderMap, id: &RequestId, span: &Span) {
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    if let Some(value) = propagation::trace_id(span).and_then(|id| HeaderValue::from_str(&id).ok()) {
        headers.insert("x-trace-id", value);
    }
}

/// One request under observation. Dropping it closes it: exactly one closing line, however the request ends.
pub(super) struct Exchange {
    telemetry: Telemetry,
    route: Route,
    pub(super) span: Span,
    began: Instant,
    in_flight: Option<GaugeGuard>,
    stream: Option<GaugeGuard>,
    seen: Arc<Seen>,
    pub(super) response_bytes: u64,
    status: Option<StatusCode>,
    /// The answer ended as it should; otherwise the caller went away or the body failed.
    pub(super) complete: bool,
    counted: bool,
}

impl Exchange {
    fn begin(telemetry: Telemetry, route: Route, span: Span, seen: Arc<Seen>) -> Self {
        let in_flight = telemetry.http_metrics().in_flight.with(route.labels());
        Exchange {
            telemetry,
            route,
            span,
            began: Instant::now(),
            in_flight: Some(in_flight.hold()),
            stream: None,
            seen,
            response_bytes: 0,
            status: None,
            complete: false,
            counted: false,
        }
    }

    /// A body of known size is counted at once, another as it is read.
    fn count_request_body(&self, request: Request) -> Request {
        match request.body().size_hint().exact() {
            Some(bytes) => {
                self.seen.bytes.store(bytes, Relaxed);
                request
            }
            None => request.map(|body| Body::new(CountedBody::new(body, Arc::clone(&self.seen)))),
        }
    }

    fn panicked(&self, panic: &(dyn std::any::Any + Send)) -> Response {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        self.metrics().panics.with(self.route.labels()).increment(1);
        tracing::error!(panic = text, "handler panicked");
        problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the service failed; the request id leads to the log",
        )
    }

    /// Closes the exchange where the answer's size is known; otherwise its body does, at its end.
    fn answer(mut self, response: Response) -> Response {
        self.status = Some(response.status());
        if let Some(bytes) = response.body().size_hint().exact() {
            self.response_bytes = bytes;
            self.complete = true;
            return response;
        }
        if is_long(&response) {
            self.count();
            self.in_flight = None;
            self.stream = Some(self.metrics().streams.with([&*self.route.path]).hold());
        }
        response.map(|body| Body::new(ObservedBody::new(body, self)))
    }

    fn status_label(&self) -> &str {
        self.status.as_ref().map_or(CLIENT_CLOSED, StatusCode::as_str)
    }

    fn count(&mut self) {
        if std::mem::replace(&mut self.counted, true) {
            return;
        }
        let [method, path] = self.route.labels();
        let labels = [method, path, self.status_label()];
        self.metrics().requests.with(labels).increment(1);
        self.metrics()
            .duration
            .with(labels)
            .record_in(&self.span, self.began.elapsed().as_secs_f64());
    }

    /// The word of the closing line's `outcome`.
    fn outcome(&self) -> &'static str {
        match self.status {
            _ if !self.complete => "aborted",
            Some(status) if status.is_server_error() => "failed",
            Some(status) if status.is_client_error() => "refused",
            _ => "completed",
        }
    }

    fn metrics(&self) -> &HttpMetrics {
        self.telemetry.http_metrics()
    }

    /// Whether all that the line would say has been said.
    fn is_told(&self) -> bool {
        self.complete && self.seen.told.load(Relaxed)
    }

    fn close(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        let status = self.status_label().parse::<u64>().unwrap_or_default();
        self.span.record("http.response.status_code", status);
        if status >= 500 {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", self.status_label());
        }
        let (request_size, response_size) = (self.seen.bytes.load(Relaxed), self.response_bytes);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    event = "http_request_completed",
                    method = self.route.method,
                    path = &*self.route.path,
                    status,
                    outcome = self.outcome(),
                    duration = seconds,
                    duration_ms = crate::events::milliseconds(seconds),
                    request_size,
                    response_size,
                    "request completed"
                )
            };
        }
        self.span.in_scope(|| match status {
            500.. => line!(error),
            _ if self.route.is_probe() || self.is_told() => line!(debug),
            _ => line!(info),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.count();
        let labels = self.route.labels();
        self.metrics()
            .request_size
            .with(labels)
            .record(self.seen.bytes.load(Relaxed) as f64);
        self.metrics()
            .response_size
            .with(labels)
            .record(self.response_bytes as f64);
        self.in_flight = None;
        self.stream = None;
        self.close();
    }
}

/// Whether the answer takes its time: an event stream, or what its handler marked so.
fn is_long(response: &Response) -> bool {
    response.extensions().get::<LongAnswer>().is_some() || is_event_stream(response.headers())
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.trim_start().starts_with("text/event-stream"))
}
