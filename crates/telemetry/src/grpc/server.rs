//! The server's side.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::GrpcMetrics;
use super::body::ObservedBody;
use super::call::{Call, Side};
use super::code::Code;
use crate::http::{RequestId, RequestSpan};
use crate::ids::REQUEST_ID;
use crate::propagation::extract;
use crate::trace::{Ask, Begin, begin_with};

/// Observes every call of a gRPC server.
#[derive(Clone)]
pub struct ServerLayer {
    metrics: GrpcMetrics,
}

impl ServerLayer {
    pub(super) fn new(metrics: GrpcMetrics) -> Self {
        ServerLayer { metrics }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> ServerService<S> {
        ServerService {
            inner,
            metrics: self.metrics.clone(),
        }
    }
}

/// A gRPC server under observation.
#[derive(Clone)]
pub struct ServerService<S> {
    inner: S,
    metrics: GrpcMetrics,
}

impl<S, B, R> Service<Request<B>> for ServerService<S>
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
        let id = RequestId::taken_or_made(
            request
                .headers()
                .get(REQUEST_ID)
                .and_then(|value| value.to_str().ok()),
        );
        let path = request.uri().path().to_owned();
        let span = span(&path, &id, request.headers());
        request.extensions_mut().insert(id);
        request.extensions_mut().insert(RequestSpan::new(span.clone()));
        let mut call = Call::begin(self.metrics.clone(), Side::Server, &path, span.clone());
        let answer = span.in_scope(|| self.inner.call(request)).instrument(span);
        Box::pin(async move {
            match answer.await {
                Ok(response) => Ok(watched(response, call)),
                Err(error) => {
                    call.ended(Code::UNKNOWN);
                    Err(error)
                }
            }
        })
    }
}

/// Closes the call where the head has the code already, else leaves that to the body.
pub(super) fn watched<R>(response: Response<R>, mut call: Call) -> Response<ObservedBody<R>> {
    let call = match Code::of(response.headers()) {
        Some(code) => {
            call.ended(code);
            None
        }
        None => Some(call),
    };
    response.map(|body| ObservedBody::new(body, call))
}

fn span(path: &str, id: &RequestId, headers: &HeaderMap) -> Span {
    let method = path.trim_start_matches('/');
    let begin = Begin {
        parent: extract(headers),
        ask: Ask::Peer,
        ..Begin::default()
    };
    begin_with(begin, || {
        tracing::info_span!(
            "grpc_server",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = Empty,
            error.type = Empty,
            correlation_id = id.0.as_str(),
            tenant_id = Empty,
            user_id = Empty,
        )
    })
}
