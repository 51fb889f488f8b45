//! HTTP servers: metrics, request ids, a span and one closing line for each request.

mod body;
mod observe;
mod request;

use axum::Router;
use axum::middleware::from_fn_with_state;

pub use request::{Closing, RequestSpan};

pub use crate::ids::RequestId;
use crate::metrics::GaugeGuard;
use crate::telemetry::Telemetry;

crate::metrics! {
    /// What every HTTP server counts.
    pub struct HttpMetrics {
        /// Requests answered, or given up by the caller (status 499).
        requests: counter "http_requests_total" [method, path, status],
        /// Seconds from the request's head to the end of the answer; of a stream (SSE), to its first byte.
        duration: histogram "http_request_duration_seconds" [method, path, status] buckets LATENCY,
        /// Requests being answered; streams are not among them.
        in_flight: gauge "http_requests_in_flight" [method, path],
        /// Connections that are open.
        connections: gauge "http_connections_active" [],
        /// Streams (SSE, WebSocket) that are open.
        streams: gauge "http_streams_active" [path],
        /// Bytes of request bodies.
        request_size: histogram "http_request_size_bytes" [method, path] buckets SIZES,
        /// Bytes of answer bodies.
        response_size: histogram "http_response_size_bytes" [method, path] buckets SIZES,
        /// Handlers that panicked; their callers got a 500.
        panics: counter "http_panics_total" [method, path],
    }
}

impl Telemetry {
    /// Counts a connection in `http_connections_active` while the guard lives.
    #[must_use]
    pub fn connection_opened(&self) -> GaugeGuard {
        self.http_metrics().connections.hold()
    }

    /// Counts a stream in `http_streams_active` while the guard lives: for connections that have left HTTP (WebSocket).
    #[must_use]
    pub fn stream_opened(&self, path: &'static str) -> GaugeGuard {
        self.http_metrics().streams.with([path]).hold()
    }
}

/// Put into the extensions of an answer whose body comes late or goes on for long: it counts as a stream, and its time is
/// the one to its head.
#[derive(Clone, Copy, Debug)]
pub struct LongAnswer;

/// Puts every route of `router`, and its fallback, under observation. Apply it last.
///
/// - metrics by matched route: the raw path is never a label, unmatched requests count as `unmatched`;
/// - `X-Request-ID` is taken from the caller if it is clean, else made; [`RequestId`] is in the request's extensions,
///   `X-Request-ID` and `X-Trace-ID` in the answer's headers;
/// - a server span under the caller's `traceparent`; `X-Debug-Trace: true` has it exported whatever the ratio says;
///   [`RequestSpan`] in the extensions is where authentication records `tenant_id` and `user_id`;
/// - exactly one closing line for each request (`event = "http_request_completed"`), at debug for probes and scrapes, and
///   where a protocol inside of HTTP has written the closing line ([`Closing`]);
/// - a panic is answered with 500 and counted.
pub fn layer(router: Router, telemetry: &Telemetry) -> Router {
    router.layer(from_fn_with_state(telemetry.clone(), observe::observe))
}
