//! One signal's way to the collector.

use std::time::Duration;

use http::HeaderMap;
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic_prost::ProstCodec;

use super::report::Report;
use super::{Threads, headers};
use crate::config::{DEFAULT_ENDPOINT, OtlpProtocol, TelemetryConfig};
use crate::error::TelemetryError;
use crate::trace::Batch;

/// OTLP's own port for HTTP.
const DEFAULT_HTTP_ENDPOINT: &str = "http://127.0.0.1:4318";

/// What is sent, and where it belongs.
pub(crate) trait Signal: Message + 'static {
    /// As the log calls it.
    const NAME: &'static str;
    /// What the collector answers.
    type Answer: Message + Default + 'static;
    /// The gRPC method.
    const METHOD: &'static str;
    /// The path below an HTTP endpoint.
    const PATH: &'static str;
    /// The endpoint that is this signal's own.
    fn endpoint(config: &TelemetryConfig) -> Option<&String>;
    /// How many items the collector refused.
    fn rejected(answer: &Self::Answer) -> u64;
}

macro_rules! signal {
    ($name:literal, $request:ty, $answer:ty, $service:literal, $path:literal, $own:ident, $rejected:ident) => {
        impl Signal for $request {
            type Answer = $answer;
            const NAME: &'static str = $name;
            const METHOD: &'static str = concat!("/opentelemetry.proto.collector.", $service, "/Export");
            const PATH: &'static str = $path;

            fn endpoint(config: &TelemetryConfig) -> Option<&String> {
                config.monitoring.otlp.$own.as_ref()
            }

            fn rejected(answer: &$answer) -> u64 {
                let partial = answer.partial_success.as_ref();
                partial.map_or(0, |partial| {
                    u64::try_from(partial.$rejected).unwrap_or_default()
                })
            }
        }
    };
}
signal!(
    "traces",
    Batch,
    ExportTraceServiceResponse,
    "trace.v1.TraceService",
    "v1/traces",
    traces_endpoint,
    rejected_spans
);
signal!(
    "metrics",
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
    "metrics.v1.MetricsService",
    "v1/metrics",
    metrics_endpoint,
    rejected_data_points
);
signal!(
    "logs",
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
    "logs.v1.LogsService",
    "v1/logs",
    logs_endpoint,
    rejected_log_records
);

/// What became of an export: how many items the collector did not take of those that it answered for, or why there is no answer.
pub(crate) type Delivered = Result<u64, String>;

/// A connection to the collector, opened when it is first needed.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    way: Way,
    headers: HeaderMap,
    timeout: Duration,
    report: Report,
}

#[derive(Clone, Debug)]
enum Way {
    Grpc(Channel),
    Http(reqwest::Client, reqwest::Url),
}

impl Client {
    /// The way that the settings ask for. It lives on `threads`.
    pub(crate) fn new<S: Signal>(
        config: &TelemetryConfig,
        threads: &Threads,
    ) -> Result<Self, TelemetryError> {
        let otlp = &config.monitoring.otlp;
        let timeout = Duration::from_millis(otlp.timeout_ms);
        let _inside = threads.handle().enter();
        let endpoint = endpoint::<S>(config);
        let way = match otlp.protocol {
            OtlpProtocol::Grpc => grpc(&endpoint)?,
            OtlpProtocol::Http => http(&endpoint, timeout)?,
        };
        Ok(Client {
            way,
            headers: headers::parse(&otlp.headers)?,
            timeout,
            report: Report::new(S::NAME, &endpoint, threads.voice()),
        })
    }

    /// Sends it once; where that does not work the log is told, now and then.
    pub(crate) async fn send<S: Signal>(&self, content: S) -> Delivered {
        let delivered = self.try_send(content).await;
        match &delivered {
            Ok(_) => self.report.worked(),
            Err(error) => self.report.failed(error),
        }
        delivered
    }

    async fn try_send<S: Signal>(&self, content: S) -> Delivered {
        let sent = async {
            match &self.way {
                Way::Grpc(channel) => self.call::<S>(channel.clone(), content).await,
                Way::Http(client, url) => self.post::<S>(client, url, &content).await,
            }
        };
        let answer = tokio::time::timeout(self.timeout, sent).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout)))?;
        Ok(S::rejected(&answer))
    }

    async fn call<S: Signal>(&self, channel: Channel, content: S) -> Result<S::Answer, String> {
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.map_err(|error| error.to_string())?;
        let mut request = tonic::Request::new(content);
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        let codec = ProstCodec::<S, S::Answer>::default();
        let answer = grpc
            .unary(request, PathAndQuery::from_static(S::METHOD), codec)
            .await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| status.to_string())
    }

    async fn post<S: Signal>(
        &self,
        client: &reqwest::Client,
        url: &reqwest::Url,
        content: &S,
    ) -> Result<S::Answer, String> {
        let request = client.post(url.clone()).headers(self.headers.clone());
        let request = request
            .header(http::header::CONTENT_TYPE, "application/x-protobuf")
            .body(content.encode_to_vec());
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let body = answer.map_err(|error| error.to_string())?.bytes().await;
        S::Answer::decode(body.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    }
}

fn grpc(endpoint: &str) -> Result<Way, TelemetryError> {
    let wrong = |error: tonic::transport::Error| unusable(endpoint, &error);
    let mut built = Endpoint::from_shared(endpoint.to_owned()).map_err(wrong)?;
    if endpoint.starts_with("https://") {
        let tls = ClientTlsConfig::new().with_enabled_roots();
        built = built.tls_config(tls).map_err(wrong)?;
    }
    Ok(Way::Grpc(built.connect_lazy()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the address is the operator's own setting; nothing that a caller sends leads here"
)]
fn http(url: &str, timeout: Duration) -> Result<Way, TelemetryError> {
    let client = reqwest::Client::builder().timeout(timeout).no_proxy().build();
    let client = client.map_err(|error| unusable(url, &error))?;
    let url = reqwest::Url::parse(url).map_err(|error| unusable(url, &error))?;
    Ok(Way::Http(client, url))
}

/// A signal's own endpoint is the whole URL; the common one is completed for HTTP.
fn endpoint<S: Signal>(config: &TelemetryConfig) -> String {
    if let Some(own) = S::endpoint(config) {
        return own.clone();
    }
    if config.monitoring.otlp.protocol == OtlpProtocol::Grpc {
        return config.tracing.endpoint.clone();
    }
    let common = match config.tracing.endpoint.as_str() {
        DEFAULT_ENDPOINT => DEFAULT_HTTP_ENDPOINT,
        given => given,
    };
    format!("{}/{}", common.trim_end_matches('/'), S::PATH)
}

fn unusable(endpoint: &str, error: &dyn std::error::Error) -> TelemetryError {
    TelemetryError::Exporter {
        endpoint: endpoint.to_owned(),
        reason: error.to_string(),
    }
}
