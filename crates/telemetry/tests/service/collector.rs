//! A real OTLP gRPC receiver that remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
pub struct Received {
    batches: Arc<Mutex<Vec<ResourceSpans>>>,
    pub metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
    pub logs: Arc<Mutex<Vec<ExportLogsServiceRequest>>>,
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

#[tonic::async_trait]
impl MetricsService for Received {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        self.headers.lock().unwrap().push(headers);
        self.metrics.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Received {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.logs.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

impl Received {
    pub fn take_spans(&self, batches: Vec<ResourceSpans>) {
        self.batches.lock().unwrap().extend(batches);
    }

    /// The records of every line, oldest first.
    pub fn records(&self) -> Vec<LogRecord> {
        let requests = self.logs.lock().unwrap().clone();
        let resources = requests.into_iter().flat_map(|request| request.resource_logs);
        let scopes = resources.flat_map(|resource| resource.scope_logs);
        scopes.flat_map(|scope| scope.log_records).collect()
    }

    /// A metric of the last export, from the resource of this service.
    pub fn metric(&self, service: &str, name: &str) -> Option<Metric> {
        let last = self.metrics.lock().unwrap().last().cloned()?;
        let is_of = |resource: &ResourceMetrics| {
            let attributes = &resource.resource.as_ref().unwrap().attributes;
            attributes.iter().any(|attribute| {
                attribute.key == "service.name"
                    && attribute
                        .value
                        .clone()
                        .and_then(|value| value.value)
                        .and_then(text)
                        .as_deref()
                        == Some(service)
            })
        };
        let of_service = last.resource_metrics.into_iter().filter(is_of);
        let scopes = of_service.flat_map(|resource| resource.scope_metrics);
        scopes
            .flat_map(|scope| scope.metrics)
            .find(|metric| metric.name == name)
    }

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
    value(&span.attributes, key)
}

pub fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
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
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "ends with the collector's runtime")]
    pub fn start_at(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let received = Received::default();
        let server = tonic::transport::Server::builder()
            .add_service(received.server())
            .add_service(MetricsServiceServer::new(received.clone()))
            .add_service(LogsServiceServer::new(received.clone()));
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Collector {
            received,
            address,
            _runtime: runtime,
        }
    }
}
