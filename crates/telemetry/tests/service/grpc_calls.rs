//! A real tonic client and server (OTLP's own service) under the gRPC layers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tracing::Instrument;

use crate::collector::Received;
use crate::fixture::{Service, eventually};

/// Serves `received` under the server layer.
pub fn serve(service: &Service, received: Received) -> SocketAddr {
    let listener = service
        .runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let layer = telemetry::grpc::server(&service.telemetry);
    let server = tonic::transport::Server::builder()
        .layer(layer)
        .add_service(received.server());
    service.spawn(async move {
        server
            .serve_with_incoming(TcpListenerStream::new(listener))
            .await
            .unwrap()
    });
    address
}

/// Calls it under the client layer, inside of a span with a request id.
pub fn call(service: &Service, address: SocketAddr, good: bool) -> Result<(), Status> {
    let layer = telemetry::grpc::client(&service.telemetry);
    service.run(async move {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy();
        let mut client = TraceServiceClient::new(tower::Layer::layer(&layer, channel));
        let resource_spans = if good {
            vec![ResourceSpans::default()]
        } else {
            Vec::new()
        };
        let work = client.export(ExportTraceServiceRequest { resource_spans });
        work.instrument(tracing::info_span!("work", correlation_id = "req-1"))
            .await
            .map(drop)
    })
}

const SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";

fn counted(service: &Service, side: &str, code: &str) -> bool {
    let name = r#"service="rest-api",environment="test""#;
    let labels =
        format!(r#"{name},side="{side}",grpc_service="{SERVICE}",grpc_method="Export",code="{code}""#);
    service.has(&format!("grpc_requests_total{{{labels}}} 1"))
        && service.has(&format!("grpc_request_duration_seconds_count{{{labels}}} 1"))
}

#[test]
fn a_call_is_counted_on_both_sides_with_its_code() {
    let service = Service::start();
    let address = serve(&service, Received::default());
    assert!(call(&service, address, true).is_ok());
    assert_eq!(
        call(&service, address, false).unwrap_err().code(),
        tonic::Code::InvalidArgument
    );
    for side in ["client", "server"] {
        for code in ["OK", "INVALID_ARGUMENT"] {
            eventually("counted", || counted(&service, side, code));
        }
    }
}

#[test]
fn the_trace_and_the_request_id_cross_the_call() {
    let service = Service::start();
    let received = Received::default();
    let address = serve(&service, received.clone());
    call(&service, address, true).unwrap();
    let headers = received.headers.lock().unwrap()[0].clone();
    assert_eq!(headers["x-request-id"], "req-1");
    let lines = service.lines();
    let line = lines.iter().find(|line| line["msg"] == "spans received").unwrap();
    assert_eq!(line["correlation_id"], "req-1");
    let parent = headers["traceparent"].to_str().unwrap();
    assert_eq!(parent.split('-').nth(1), line["trace_id"].as_str());
}

#[test]
fn a_server_that_is_not_there_is_counted_as_unavailable() {
    let service = Service::start();
    let listener = service
        .runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(call(&service, address, true).is_err());
    assert!(
        counted(&service, "client", "UNAVAILABLE"),
        "{}",
        service.telemetry.render()
    );
}

#[test]
fn methods_that_nobody_wrote_are_one_series_on_the_server() {
    let service = Service::start();
    let address = serve(&service, Received::default());
    service.run(async move {
        use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy();
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.unwrap();
        let codec =
            tonic_prost::ProstCodec::<ExportTraceServiceRequest, ExportTraceServiceResponse>::default();
        let path = http::uri::PathAndQuery::from_static("/made.up/Method");
        let request = tonic::Request::new(ExportTraceServiceRequest::default());
        assert_eq!(
            client.unary(request, path, codec).await.unwrap_err().code(),
            tonic::Code::Unimplemented
        );
    });
    let page = service.telemetry.render();
    assert!(
        page.contains(r#"grpc_service="unmatched",grpc_method="unmatched",code="UNIMPLEMENTED"} 1"#),
        "{page}"
    );
    assert!(!page.contains("made.up"));
}

type Frames = tokio::sync::mpsc::UnboundedSender<Result<http_body::Frame<bytes::Bytes>, Infallible>>;

/// A server-streaming call under the server layer, whose frames the test sends.
async fn streaming(
    service: &Service,
) -> (
    Frames,
    impl http_body::Body<Data = bytes::Bytes, Error = Infallible>,
) {
    let (frames, receive) = tokio::sync::mpsc::unbounded_channel();
    let mut receive = Some(receive);
    let answer = move |_: http::Request<()>| {
        let frames = tokio_stream::wrappers::UnboundedReceiverStream::new(receive.take().unwrap());
        let body = http_body_util::StreamBody::new(frames);
        async move { Ok::<_, Infallible>(http::Response::new(body)) }
    };
    let layer = telemetry::grpc::server(&service.telemetry);
    let mut server = tower::Layer::layer(&layer, tower::service_fn(answer));
    let request = http::Request::post("/devmesh.v1.Catalogue/Watch")
        .body(())
        .unwrap();
    let answer = tower::Service::call(&mut server, request).await.unwrap();
    (frames, answer.into_body())
}

fn data() -> Result<http_body::Frame<bytes::Bytes>, Infallible> {
    Ok(http_body::Frame::data(bytes::Bytes::from_static(b"message")))
}

#[test]
fn a_stream_observes_the_time_to_its_first_message_and_counts_at_its_end() {
    let service = Service::start();
    let pause = Duration::from_millis(300);
    service.runtime.block_on(async {
        let (frames, mut body) = streaming(&service).await;
        frames.send(data()).unwrap();
        http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        assert!(
            !service.telemetry.render().contains("grpc_requests_total"),
            "still open"
        );
        tokio::time::sleep(pause).await;
        let trailers = http::HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            http::HeaderValue::from_static("14"),
        )]);
        frames.send(data()).unwrap();
        frames.send(Ok(http_body::Frame::trailers(trailers))).unwrap();
        drop(frames);
        http_body_util::BodyExt::collect(body).await.unwrap();
    });
    let page = service.telemetry.render();
    let labels = r#"grpc_service="devmesh.v1.Catalogue",grpc_method="Watch",code="UNAVAILABLE"}"#;
    assert!(page.contains(&format!("{labels} 1")), "{page}");
    let sum = page
        .lines()
        .find(|line| line.starts_with("grpc_request_duration_seconds_sum"))
        .unwrap();
    let seconds: f64 = sum.rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(seconds < pause.as_secs_f64(), "{seconds}");
}

#[test]
fn a_call_that_is_given_up_is_cancelled_and_leaves_one_closing_line() {
    let service = Service::start();
    let dispatch = service.telemetry.dispatch();
    let _here = tracing::dispatcher::set_default(&dispatch);
    service.runtime.block_on(async {
        let (_frames, body) = streaming(&service).await;
        drop(body);
    });
    assert!(
        service
            .telemetry
            .render()
            .contains(r#"grpc_method="Watch",code="CANCELLED"} 1"#)
    );
    let lines = service.lines();
    let closing: Vec<_> = lines
        .iter()
        .filter(|line| line["event"] == "grpc_request_completed")
        .collect();
    assert_eq!(closing.len(), 1);
    assert_eq!(closing[0]["code"], "CANCELLED");
}
