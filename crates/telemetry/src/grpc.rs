//! gRPC clients and servers (tonic): metrics, a span for each call, trace and request id carried over.
//!
//! The code is read from the answer's head or trailers, so nothing here knows tonic. A call is counted when it ends. Its
//! duration is the time to the first message (for a unary call that is the call; a watch stream would say nothing else),
//! or to its end where there was none. A call that is dropped before its end has the code `CANCELLED`.

mod body;
mod call;
mod client;
mod code;
mod server;

pub use body::ObservedBody;
pub use client::{ClientLayer, ClientService};
pub use server::{ServerLayer, ServerService};

use crate::telemetry::Telemetry;

crate::metrics! {
    /// What gRPC clients and servers count.
    pub struct GrpcMetrics {
        /// Calls that ended, by the gRPC code's name.
        requests: counter "grpc_requests_total" [side, grpc_service, grpc_method, code],
        /// Seconds to the first message, or to the end where there was none.
        duration: histogram "grpc_request_duration_seconds" [side, grpc_service, grpc_method, code] buckets LATENCY,
    }
}

/// The layer for `tonic::transport::Server::builder().layer(…)`. Puts [`RequestId`](crate::RequestId) and
/// [`RequestSpan`](crate::http::RequestSpan) into the request's extensions.
#[must_use]
pub fn server(telemetry: &Telemetry) -> ServerLayer {
    ServerLayer::new(telemetry.grpc_metrics().clone())
}

/// The layer around a `tonic::transport::Channel` (`tower::ServiceBuilder::new().layer(…).service(channel)`).
#[must_use]
pub fn client(telemetry: &Telemetry) -> ClientLayer {
    ClientLayer::new(telemetry.grpc_metrics().clone())
}
