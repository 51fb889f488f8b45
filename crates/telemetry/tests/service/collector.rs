//! A real OTLP gRPC receiver that remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
pub struct Received {
    batches: Arc<Mutex<Vec<ResourceSpans>>>,
    pub headers: Arc<Mutex<Vec<http::HeaderMap>>>,
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.headers
            .lock()
            .unwrap()
            .push(request.metadata().clone().into_headers());
        let batches = request.into_inner().resource_spans;
        if batches.is_empty() {
            return Err(Status::invalid_argument("no spans"));
        }
        tracing::info!("spans received");
        self.batches.lock().unwrap().extend(batches);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Received {
    pub fn server(&self) -> TraceServiceServer<Received> {
        TraceServiceServer::new(self.clone())
    }

    pub fn spans(&self) -> Vec<Span> {
        let batches = self.batches.lock().unwrap();
        batches
            .iter()
            .flat_map(|batch| &batch.scope_spans)
            .flat_map(|scope| scope.spans.clone())
            .collect()
    }

    pub fn span(&self, name: &str) -> Option<Span> {
        self.spans().into_iter().find(|span| span.name == name)
    }

    pub fn resource(&self, key: &str) -> Option<String> {
        let batches = self.batches.lock().unwrap();
        let attributes = batches.first()?.resource.as_ref()?.attributes.clone();
        text(
            attributes
                .into_iter()
                .find(|attribute| attribute.key == key)?
                .value?
                .value?,
        )
    }
}

pub fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    text(found.value.clone()?.value?)
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A collector with a runtime of its own.
pub struct Collector {
    pub received: Received,
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl Collector {
    #[expect(clippy::disallowed_methods, reason = "ends with the collector's runtime")]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let received = Received::default();
        let server = tonic::transport::Server::builder().add_service(received.server());
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Collector {
            received,
            address,
            _runtime: runtime,
        }
    }
}
