//! What the ring keeps of a service that has no collector.

use std::collections::BTreeMap;
use std::path::Path;

use axum::routing::get;
use axum::{Extension, Router};
use serde_json::Value;
use telemetry::TelemetryConfig;
use telemetry::http::RequestSpan;
use telemetry::propagation::{self, Parent};
use telemetry::ring::{RingBounds, RingFilter, TraceRing};

use crate::fixture::{Service, eventually, killed};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn ring(per_second: u32) -> TraceRing {
    TraceRing::new(RingBounds {
        traces: 100,
        bytes: 1 << 20,
        per_second,
    })
}

fn router() -> Router {
    let handler = |Extension(span): Extension<RequestSpan>| async move {
        span.caller_known(false);
        let inner = tracing::info_span!("inner", tenant.id = "acme", otel.kind = "client");
        let other = format!("00-{TRACE}-{SPAN}-01");
        let carrier: std::collections::BTreeMap<_, _> = [("traceparent".to_owned(), other)].into();
        propagation::link(&inner, &Parent::named(&carrier).unwrap());
        inner.in_scope(|| tracing::info!(event = "done", "all done"));
    };
    Router::new().route("/items", get(handler))
}

fn all() -> RingFilter {
    RingFilter {
        tenant: "acme".to_owned(),
        limit: 100,
        ..RingFilter::default()
    }
}

fn ask(service: &Service, address: std::net::SocketAddr, path: &str, headers: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n");
    let answer = service.request(address, &request);
    answer.header("x-trace-id").map(str::to_owned)
}

#[test]
fn a_request_is_found_by_its_id_with_its_spans_links_and_events() {
    let ring = ring(100);
    let service = Service::with_ring(&ring);
    let address = service.serve(router());
    let trace_id = ask(&service, address, "/items", "x-request-id: debug-123\r\n").unwrap();
    let filter = RingFilter {
        request_id: Some("debug-123".to_owned()),
        ..all()
    };
    eventually("both spans", || {
        ring.find(&filter)
            .first()
            .is_some_and(|trace| trace.spans.len() == 2)
    });
    let trace = serde_json::to_value(ring.trace("acme", &trace_id).unwrap()).unwrap();
    assert_eq!(trace["traceID"], trace_id.as_str());
    let spans = trace["spans"].as_array().unwrap();
    let named = |name: &str| spans.iter().find(|span| span["operationName"] == name).unwrap();
    let (inner, server) = (named("inner"), named("GET /items"));
    assert_eq!(inner["references"][0]["refType"], "CHILD_OF");
    assert_eq!(inner["references"][0]["spanID"], server["spanID"]);
    assert_eq!(inner["references"][1]["refType"], "FOLLOWS_FROM");
    assert_eq!(inner["references"][1]["traceID"], TRACE);
    let tag = |span: &Value, key: &str| {
        let tags = span["tags"].as_array().unwrap();
        tags.iter()
            .find(|tag| tag["key"] == key)
            .map(|tag| tag["value"].clone())
    };
    assert_eq!(tag(server, "http.response.status_code"), Some(200.into()));
    assert_eq!(tag(server, "correlation_id"), Some("debug-123".into()));
    assert_eq!(tag(inner, "span.kind"), Some("client".into()));
    assert_eq!(inner["logs"][0]["fields"][0]["value"], "all done");
    assert_eq!(
        trace["processes"][server["processID"].as_str().unwrap()]["serviceName"],
        "rest-api"
    );
}

#[test]
fn probes_scrapes_and_what_the_service_does_by_itself_are_not_kept() {
    let ring = ring(100);
    let service = Service::with_ring(&ring);
    let address = service.serve(router());
    for path in ["/metrics", "/health/ready", "/health"] {
        ask(&service, address, path, "").unwrap();
    }
    service.run(async { tracing::info_span!("poll", tenant.id = "acme").in_scope(|| {}) });
    ask(&service, address, "/items", "").unwrap();
    eventually("a trace", || ring.fill().traces > 0);
    assert_eq!(ring.fill().traces, 1);
}

#[test]
fn a_flood_is_thinned_but_a_callers_decision_holds() {
    let ring = ring(0);
    let service = Service::with_ring(&ring);
    let address = service.serve(router());
    ask(&service, address, "/items", "").unwrap();
    ask(
        &service,
        address,
        "/items",
        &format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n"),
    )
    .unwrap();
    let forced = ask(&service, address, "/items", "x-debug-trace: true\r\n").unwrap();
    ask(&service, address, "/items", "").unwrap();
    eventually("two traces", || ring.find(&all()).len() == 2);
    assert!(ring.trace("acme", TRACE).is_some());
    assert!(ring.trace("acme", &forced).is_some());
}

#[test]
fn what_the_ring_keeps_is_there_after_a_kill_with_what_was_open_then() {
    let (traces, spans) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bounds = RingBounds {
        traces: 100,
        bytes: 1 << 20,
        per_second: 100,
    };
    let open = |traces: &Path, spans: &Path| {
        let ring = TraceRing::open(bounds, traces).unwrap();
        let service = Service::with_extras(&TelemetryConfig::default(), |extras| {
            extras.ring = Some(ring.clone());
            extras.spans = Some(spans.to_owned());
        });
        (ring, service)
    };
    let (ring, first) = open(traces.path(), spans.path());
    let address = first.serve(router());
    let whole = ask(&first, address, "/items", "x-request-id: debug-123\r\n").unwrap();
    eventually("both spans", || {
        ring.trace("acme", &whole)
            .is_some_and(|trace| trace.spans.len() == 2)
    });
    let (request, cut) = first.run(async {
        let none = BTreeMap::<String, String>::new();
        let span = propagation::span_from(&none, || tracing::info_span!("asked", tenant.id = "acme"));
        propagation::inject_span(&span, &mut BTreeMap::new());
        let id = propagation::trace_id(&span).unwrap();
        (span, id)
    });
    // What is on disk is what a kill leaves.
    let (traces, spans) = (killed(traces.path()), killed(spans.path()));
    let (ring, _second) = open(traces.path(), spans.path());
    let text = |id: &str| serde_json::to_string(&ring.trace("acme", id).unwrap()).unwrap();
    assert_eq!(ring.trace("acme", &whole).unwrap().spans.len(), 2);
    assert!(text(&whole).contains("debug-123"));
    assert!(text(&cut).contains("process.killed"), "{}", text(&cut));
    drop(request);
}

#[test]
fn the_rings_files_are_bounded_and_the_oldest_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = RingBounds {
        traces: 10_000,
        bytes: 64 << 10,
        per_second: 10_000,
    };
    let ring = TraceRing::open(bounds, dir.path()).unwrap();
    let service = Service::with_ring(&ring);
    let mut last = String::new();
    for _ in 0..1_000 {
        last = service.run(async {
            let none = BTreeMap::<String, String>::new();
            let span = propagation::span_from(&none, || tracing::info_span!("asked", tenant.id = "acme"));
            propagation::trace_id(&span).unwrap()
        });
    }
    let files = std::fs::read_dir(dir.path()).unwrap();
    let size: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(size <= (64 << 10) + (64 << 10) / 4, "{size} bytes");
    let again = TraceRing::open(bounds, killed(dir.path()).path()).unwrap();
    assert!(again.trace("acme", &last).is_some());
    assert!(
        again.fill().traces > 10 && again.fill().bytes <= 64 << 10,
        "{:?}",
        again.fill()
    );
}
