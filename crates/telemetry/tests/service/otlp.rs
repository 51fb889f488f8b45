//! All three signals at a collector, over gRPC and over HTTP.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::Histogram;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message;
use telemetry::{Exporter, OtlpHeaders, OtlpProtocol, TelemetryConfig};

use crate::collector::{Collector, Received, hex, value};
use crate::fixture::{Service, eventually};

telemetry::metrics! {
    /// A block with a twin of the semantic conventions.
    struct TwinMetrics {
        /// Operations.
        operations: histogram "test_operation_duration_seconds" otel "test.operation.duration"
            [mcp_method_name, tool] buckets &[0.5, 2.0],
        /// Things.
        things: counter "test_things_total" [kind],
        /// Spent.
        spent: counter "test_cost_usd_total" [],
    }
}

fn all_signals(config: &mut TelemetryConfig, endpoint: &str) {
    config.tracing.enabled = true;
    config.tracing.endpoint = endpoint.to_owned();
    config.monitoring.otlp.metrics_exporter = Exporter::Otlp;
    config.monitoring.otlp.logs_exporter = Exporter::Otlp;
    config.monitoring.otlp.headers = OtlpHeaders::new("x-scope=team%20a");
}

/// Traffic with a line, a span, and figures of every kind; then the end.
fn use_and_end(service: &Service) {
    let metrics = TwinMetrics::new(&service.telemetry);
    service.run(async move {
        tracing::info_span!("outer", correlation_id = "r-1").in_scope(|| {
            tracing::error!(critical = true, event = "gone", attempts = 3_u64, "it is gone");
            let span = tracing::Span::current();
            metrics.operations.with(["tools/call", "a"]).record_in(&span, 1.0);
            metrics.operations.with(["tools/call", "a"]).record(7.0);
            metrics.things.with(["b"]).increment(2);
            metrics.spent.add(0.25);
        });
    });
    service.runtime.block_on(service.telemetry.shutdown());
}

fn check(received: &Received) {
    let span = received.span("outer").unwrap();
    let records = received.records();
    let record = records.iter().find(|record| record.event_name == "gone").unwrap();
    assert_eq!(
        (record.severity_number, record.severity_text.as_str()),
        (21, "CRITICAL")
    );
    assert_eq!(
        (&record.trace_id, &record.span_id),
        (&span.trace_id, &span.span_id)
    );
    let of = |key| value(&record.attributes, key);
    assert_eq!(of("attempts").as_deref(), Some("3"));
    assert_eq!(of("correlation_id").as_deref(), Some("r-1"));
    assert!(of("code.file.path").unwrap().ends_with("otlp.rs"));

    let twin = received.metric("worker", "test.operation.duration").unwrap();
    assert_eq!(
        (twin.unit.as_str(), twin.description.as_str()),
        ("s", "Operations.")
    );
    let histogram = histogram(twin.data).unwrap();
    let point = &histogram.data_points[0];
    assert_eq!(
        (histogram.aggregation_temporality, point.count, point.sum),
        (2, 2, Some(8.0))
    );
    assert_eq!(
        (&point.explicit_bounds[..], &point.bucket_counts[..]),
        (&[0.5, 2.0][..], &[0, 1, 1][..])
    );
    assert_eq!(
        value(&point.attributes, "mcp.method.name").as_deref(),
        Some("tools/call")
    );
    assert_eq!(value(&point.attributes, "tool").as_deref(), Some("a"));
    assert_eq!(hex(&point.exemplars[0].trace_id), hex(&span.trace_id));
    assert!(point.time_unix_nano > point.start_time_unix_nano);

    let number = |name: &str| total(received.metric("worker", name).unwrap().data).unwrap();
    assert_eq!(number("test_things_total"), Value::AsDouble(2.0));
    assert_eq!(number("test_cost_usd_total"), Value::AsDouble(0.25));
    assert_eq!(
        received.metric("worker", "test_cost_usd_total").unwrap().unit,
        "{USD}"
    );
    assert!(matches!(
        received.metric("worker", "mcp_build_info").unwrap().data,
        Some(Data::Gauge(_))
    ));
    let headers = received.headers.lock().unwrap();
    assert!(
        headers.iter().all(|headers| headers["x-scope"] == "team a"),
        "{headers:?}"
    );
}

fn histogram(data: Option<Data>) -> Option<Histogram> {
    match data? {
        Data::Histogram(histogram) => Some(histogram),
        _ => None,
    }
}

/// The first value of a sum that only goes up.
fn total(data: Option<Data>) -> Option<Value> {
    match data? {
        Data::Sum(sum) if sum.is_monotonic => sum.data_points.first()?.value,
        _ => None,
    }
}

#[test]
fn spans_figures_and_lines_arrive_over_grpc() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.address);
    let service = Service::with("worker", |config| all_signals(config, &endpoint));
    use_and_end(&service);
    check(&collector.received);
}

#[test]
fn the_same_arrives_over_http() {
    // A process does that when it starts; where it was done already, that is fine too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let received = Received::default();
    let collector = Service::start();
    let router = Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/metrics", post(metrics))
        .route("/own/logs", post(logs))
        .with_state(received.clone());
    let address = collector.serve(router);
    let service = Service::with("worker", |config| {
        all_signals(config, &format!("http://{address}"));
        config.monitoring.otlp.protocol = OtlpProtocol::Http;
        config.monitoring.otlp.logs_endpoint = Some(format!("http://{address}/own/logs"));
    });
    use_and_end(&service);
    check(&received);
}

async fn traces(State(received): State<Received>, headers: http::HeaderMap, body: Bytes) -> Vec<u8> {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    received.headers.lock().unwrap().push(headers);
    received.take_spans(ExportTraceServiceRequest::decode(body).unwrap().resource_spans);
    Vec::new()
}

async fn metrics(State(received): State<Received>, body: Bytes) {
    received
        .metrics
        .lock()
        .unwrap()
        .push(ExportMetricsServiceRequest::decode(body).unwrap());
}

async fn logs(State(received): State<Received>, body: Bytes) {
    received
        .logs
        .lock()
        .unwrap()
        .push(ExportLogsServiceRequest::decode(body).unwrap());
}

#[test]
fn metrics_go_out_at_every_interval_and_stop_with_the_service() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.address);
    let service = Service::with("worker", |config| {
        all_signals(config, &endpoint);
        config.monitoring.otlp.metrics_interval_ms = 20;
    });
    let count = || collector.received.metrics.lock().unwrap().len();
    eventually("three exports", || count() >= 3);
    assert!(
        collector
            .received
            .metric("worker", "process_resident_memory_bytes")
            .is_some()
    );
    service.runtime.block_on(service.telemetry.shutdown());
    let last = count();
    drop(service);
    assert_eq!(count(), last, "no further export");
}

/// A collector that takes connections and never answers.
fn hanging() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

#[test]
fn a_collector_that_hangs_costs_what_is_sent_and_never_the_work() {
    let (_listener, endpoint) = hanging();
    let service = Service::with("worker", |config| {
        all_signals(config, &endpoint);
        config.tracing.queue = 16;
        config.monitoring.otlp.logs_queue = 16;
        // Long enough that few exports are given up while the requests are made, on a busy machine too.
        config.monitoring.otlp.timeout_ms = 2_000;
        config.monitoring.otlp.metrics_interval_ms = 50;
    });
    let address = service.serve(Router::new().route("/work", get(|| async { "done" })));
    let began = std::time::Instant::now();
    for _ in 0..300 {
        assert_eq!(service.get(address, "/work").body, "done");
    }
    let took = began.elapsed();
    assert!(took.as_secs() < 5, "{took:?} for 300 requests");
    let counted = |signal: &str, reason: &str| {
        let labels = format!(r#"signal="{signal}",reason="{reason}"}} "#);
        let page = service.telemetry.render();
        let line = page.lines().find(|line| line.contains(&labels));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .unwrap_or_default()
    };
    eventually("what found no room, or no answer, is counted", || {
        counted("traces", "queue_full") > 200.0
            && counted("logs", "export_queue_full") > 200.0
            && counted("traces", "export_failed") > 0.0
            && counted("logs", "export_failed") > 0.0
            && counted("metrics", "export_failed") > 0.0
    });
    let lines = service.closing_lines("/work");
    assert_eq!(lines.len(), 300, "standard output has every line");
    let began = std::time::Instant::now();
    service.runtime.block_on(service.telemetry.shutdown());
    assert!(began.elapsed().as_secs() < 10, "the end is bounded");
}

#[test]
fn a_collector_that_is_away_is_one_line_of_the_log_and_its_return_another() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let service = Service::with("worker", |config| {
        config.tracing.enabled = true;
        config.tracing.endpoint = format!("http://{address}");
    });
    let told = |event: &str| {
        let lines = service.lines().into_iter();
        lines.filter(|line| line["event"] == event).collect::<Vec<_>>()
    };
    for lost in 1..=2 {
        service.run(async { tracing::info_span!("lost").in_scope(|| {}) });
        let labels = r#"service="worker",environment="test",signal="traces",reason="export_failed""#;
        eventually("the loss is counted", || {
            service.has(&format!("telemetry_dropped_total{{{labels}}} {lost}"))
        });
    }
    let failed = told("telemetry_export_failed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(service.lines().len(), 1, "{:?}", service.lines());
    assert_eq!(failed[0]["level"], "WARN");
    assert_eq!(failed[0]["signal"], "traces");
    assert_eq!(failed[0]["collector"], address.to_string());
    let _back = Collector::start_at(address);
    eventually("it is back", || {
        service.run(async { tracing::info_span!("found").in_scope(|| {}) });
        told("telemetry_export_recovered").len() == 1
    });
    let recovered = told("telemetry_export_recovered").remove(0);
    assert!(recovered["exports"].as_u64().unwrap() >= 2, "{recovered}");
    assert!(
        recovered["downtime_seconds"].as_f64().unwrap() > 1.0,
        "{recovered}"
    );
}
