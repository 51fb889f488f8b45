//! The client's side.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::GrpcMetrics;
use super::body::ObservedBody;
use super::call::{Call, Side};
use super::code::Code;
use super::server::watched;
use crate::ids::REQUEST_ID;
use crate::propagation;

/// Observes every call of a gRPC client, and sends the trace and the request id along.
#[derive(Clone)]
pub struct ClientLayer {
    metrics: GrpcMetrics,
}

impl ClientLayer {
    pub(super) fn new(metrics: GrpcMetrics) -> Self {
        ClientLayer { metrics }
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> ClientService<S> {
        ClientService {
            inner,
            metrics: self.metrics.clone(),
        }
    }
}

/// A gRPC client under observation.
#[derive(Clone)]
pub struct ClientService<S> {
    inner: S,
    metrics: GrpcMetrics,
}

impl<S, B, R> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<ObservedBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let id = propagation::current_request_id();
        let span = span(&path, (request.uri().host(), request.uri().port_u16()));
        let headers = request.headers_mut();
        propagation::inject_span(&span, headers);
        if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
            headers.entry(REQUEST_ID).or_insert(id);
        }
        let mut call = Call::begin(self.metrics.clone(), Side::Client, &path, span.clone());
        let answer = span.in_scope(|| self.inner.call(request)).instrument(span);
        Box::pin(async move {
            match answer.await {
                Ok(response) => Ok(watched(response, call)),
                Err(error) => {
                    call.ended(Code::UNAVAILABLE);
                    Err(error)
                }
            }
        })
    }
}

fn span(path: &str, server: (Option<&str>, Option<u16>)) -> Span {
    let (method, (address, port)) = (path.trim_start_matches('/'), server);
    tracing::info_span!(
        "grpc_client",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
        error.type = Empty,
        server.address = address,
        server.port = port,
    )
}
