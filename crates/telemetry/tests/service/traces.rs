//! Spans as a real OTLP collector receives them.

use std::collections::BTreeMap;

use axum::Router;
use axum::routing::get;
use telemetry::propagation;
use tracing::Instrument;

use crate::collector::{Collector, attribute, hex};
use crate::fixture::{Service, eventually};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn traced(collector: &Collector, sample_rate: f64) -> Service {
    let endpoint = format!("http://{}", collector.address);
    Service::with("rest-api", |config| {
        config.tracing.enabled = true;
        config.tracing.endpoint = endpoint;
        config.tracing.sample_rate = sample_rate;
        config.tracing.debug_requests = telemetry::DebugRequests::Anyone;
    })
}

fn router() -> Router {
    Router::new().route(
        "/items/{id}",
        get(|| async {
            let query = tracing::info_span!("query", db.system.name = "sqlite", rows = tracing::field::Empty);
            async {
                tracing::Span::current().record("rows", 3);
                tracing::error!("slow disk");
            }
            .instrument(query)
            .await;
        }),
    )
}

fn ask(service: &Service, address: std::net::SocketAddr, headers: &str) -> crate::fixture::Answer {
    service.request(
        address,
        &format!("GET /items/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n"),
    )
}

#[test]
fn a_request_continues_the_callers_trace_down_to_its_innermost_span() {
    let collector = Collector::start();
    let service = traced(&collector, 0.0);
    let address = service.serve(router());
    let answer = ask(
        &service,
        address,
        &format!("traceparent: 00-{TRACE}-{SPAN}-01\r\ntracestate: vendor=1\r\n"),
    );
    assert_eq!(answer.header("x-trace-id"), Some(TRACE));
    service.runtime.block_on(service.telemetry.shutdown());

    let received = &collector.received;
    assert_eq!(received.resource("service.name").as_deref(), Some("rest-api"));
    assert_eq!(
        received.resource("deployment.environment.name").as_deref(),
        Some("test")
    );
    let server = received.span("GET /items/{id}").unwrap();
    assert_eq!(
        (
            hex(&server.trace_id).as_str(),
            hex(&server.parent_span_id).as_str()
        ),
        (TRACE, SPAN)
    );
    assert_eq!(server.trace_state, "vendor=1");
    assert_eq!(server.kind, 2, "a server span");
    assert_eq!(
        attribute(&server, "http.response.status_code").as_deref(),
        Some("200")
    );
    assert_eq!(attribute(&server, "http.route").as_deref(), Some("/items/{id}"));
    assert_eq!(
        attribute(&server, "correlation_id").as_deref(),
        answer.header("x-request-id")
    );
    let query = received.span("query").unwrap();
    assert_eq!(
        (query.trace_id, &query.parent_span_id),
        (server.trace_id.clone(), &server.span_id)
    );
    assert_eq!(query.events[0].name, "slow disk");
    assert_eq!(query.status.unwrap().code, 2, "an error event marks its span");
    assert!(server.end_time_unix_nano > server.start_time_unix_nano);
}

#[test]
fn the_ratio_decides_for_new_traces_and_the_caller_for_its_own() {
    let collector = Collector::start();
    let service = traced(&collector, 0.0);
    let address = service.serve(router());
    let unsampled = ask(&service, address, "");
    assert_eq!(
        unsampled.header("x-trace-id").unwrap().len(),
        32,
        "the id exists all the same"
    );
    ask(
        &service,
        address,
        &format!("traceparent: 00-{TRACE}-{SPAN}-00\r\n"),
    );
    ask(&service, address, "x-debug-trace: true\r\n");
    service.runtime.block_on(service.telemetry.shutdown());
    let spans = collector.received.spans();
    assert_eq!(spans.len(), 2, "the forced one alone, with its child: {spans:?}");
}

#[test]
fn without_tracing_the_ids_exist_travel_and_keep_the_callers_decision() {
    let service = Service::start();
    let context = service.run(async {
        let parent = BTreeMap::from([
            ("traceparent".to_owned(), format!("00-{TRACE}-{SPAN}-01")),
            ("baggage".to_owned(), "tenant=acme".to_owned()),
        ]);
        let span = tracing::info_span!("job");
        assert!(propagation::set_parent(&span, &parent));
        span.in_scope(|| tracing::info_span!("inner").in_scope(propagation::current_context))
    });
    let parts: Vec<&str> = context["traceparent"].split('-').collect();
    assert_eq!((parts[1], parts[3]), (TRACE, "01"));
    assert_ne!(parts[2], SPAN);
    assert_eq!(context["baggage"], "tenant=acme");
}

#[test]
fn a_job_continues_the_trace_that_its_row_holds() {
    let collector = Collector::start();
    let service = traced(&collector, 1.0);
    service.run(async {
        let row =
            tracing::info_span!("enqueue", otel.kind = "producer").in_scope(propagation::current_context);
        let early = propagation::span_from(&row, || tracing::info_span!("attempt", otel.kind = "consumer"));
        early.in_scope(|| tracing::info!("running"));
        let late = tracing::info_span!("late attempt", job = 7);
        assert!(propagation::set_parent(&late, &row));
    });
    service.runtime.block_on(service.telemetry.shutdown());
    let received = &collector.received;
    let enqueue = received.span("enqueue").unwrap();
    for name in ["attempt", "late attempt"] {
        let attempt = received.span(name).unwrap();
        assert_eq!(
            (&attempt.trace_id, &attempt.parent_span_id),
            (&enqueue.trace_id, &enqueue.span_id),
            "{name}"
        );
    }
    assert_eq!(
        attribute(&received.span("late attempt").unwrap(), "job").as_deref(),
        Some("7")
    );
}

#[test]
fn a_late_parent_that_is_sampled_has_the_span_exported_whatever_the_ratio() {
    let collector = Collector::start();
    let service = traced(&collector, 0.0);
    service.run(async {
        let row = BTreeMap::from([("traceparent".to_owned(), format!("00-{TRACE}-{SPAN}-01"))]);
        let span = tracing::info_span!("attempt", job = 7);
        propagation::set_parent(&span, &row);
    });
    service.runtime.block_on(service.telemetry.shutdown());
    let attempt = collector.received.span("attempt").unwrap();
    assert_eq!(hex(&attempt.trace_id), TRACE);
    assert_eq!(
        attribute(&attempt, "job").as_deref(),
        Some("7"),
        "nothing of it is lost"
    );
}

#[test]
fn context_travels_in_meta_as_in_headers() {
    let service = Service::start();
    service.run(async {
        tracing::info_span!("call").in_scope(|| {
            let (mut meta, mut headers) = (serde_json::Map::new(), http::HeaderMap::new());
            propagation::inject(&mut meta);
            propagation::inject(&mut headers);
            assert_eq!(meta["traceparent"].as_str(), headers["traceparent"].to_str().ok());
            let trace = propagation::current_trace_id().unwrap();
            assert!(meta["traceparent"].as_str().unwrap().contains(&trace));
            let child = propagation::span_from(&meta, || tracing::info_span!("other process"));
            assert_eq!(propagation::trace_id(&child), Some(trace));
        });
        assert!(propagation::current_context().is_empty(), "no span, no context");
    });
}

#[test]
fn a_collector_that_is_not_there_costs_spans_and_counts_them() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let endpoint = format!("http://{gone}");
    let service = Service::with("rest-api", |config| {
        config.tracing.enabled = true;
        config.tracing.endpoint = endpoint;
    });
    service.run(async { tracing::info_span!("lost").in_scope(|| {}) });
    let labels = r#"service="rest-api",environment="test",signal="traces",reason="export_failed""#;
    eventually("the loss is counted", || {
        service.has(&format!("telemetry_dropped_total{{{labels}}} 1"))
    });
}

#[test]
fn a_span_that_ends_after_the_shutdown_is_counted_and_the_next_shutdown_does_nothing() {
    let collector = Collector::start();
    let service = traced(&collector, 1.0);
    let open = service.run(async { tracing::info_span!("still open") });
    service.runtime.block_on(service.telemetry.shutdown());
    drop(open);
    service.runtime.block_on(service.telemetry.shutdown());
    let labels = r#"service="rest-api",environment="test",signal="traces",reason="shut_down""#;
    assert!(
        service.has(&format!("telemetry_dropped_total{{{labels}}} 1")),
        "{}",
        service.telemetry.render()
    );
    assert!(collector.received.spans().is_empty());
    assert!(service.lines().is_empty(), "nothing to warn of");
}

#[test]
fn telemetry_may_be_dropped_inside_of_a_runtime() {
    let collector = Collector::start();
    let Service {
        telemetry, runtime, ..
    } = traced(&collector, 1.0);
    runtime.block_on(async move {
        tracing::dispatcher::with_default(&telemetry.dispatch(), || {
            tracing::info_span!("kept").in_scope(|| {})
        });
        telemetry.shutdown().await;
        drop(telemetry);
    });
    assert!(collector.received.span("kept").is_some());
}
