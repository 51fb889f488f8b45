//! What a scraper that asks for OpenMetrics gets.

use std::io::Read;

use axum::Router;
use axum::routing::get;
use telemetry::metrics::Format;

use crate::bounds::TestMetrics;
use crate::collector::Collector;
use crate::fixture::Service;

const LABELS: &str = r#"service="worker",environment="test""#;
const OPENMETRICS: &str = "accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";

fn traced(collector: &Collector) -> Service {
    let endpoint = format!("http://{}", collector.address);
    Service::with("worker", |config| {
        config.tracing.enabled = true;
        config.tracing.endpoint = endpoint;
        config.tracing.sample_rate = 0.0;
        config.tracing.debug_requests = telemetry::DebugRequests::Anyone;
    })
}

fn scrape(service: &Service, address: std::net::SocketAddr, headers: &str) -> crate::fixture::Answer {
    let request = format!("GET /metrics HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n");
    service.request(address, &request)
}

#[test]
fn the_same_series_are_in_both_formats_and_each_names_itself() {
    let service = Service::with("worker", |_| {});
    let metrics = TestMetrics::new(&service.telemetry);
    metrics.calls.with(["a", "ok"]).increment(3);
    metrics.took.with(["a"]).record(0.25);
    let address = service.serve(Router::new());
    let text = scrape(&service, address, "accept: */*\r\n");
    let open = scrape(&service, address, OPENMETRICS);
    assert_eq!(
        [text.header("content-type"), open.header("content-type")],
        [
            Some("text/plain; version=0.0.4; charset=utf-8"),
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
        ]
    );
    for line in [
        "# TYPE test_calls counter".to_owned(),
        "# HELP test_calls Calls, by tool.".to_owned(),
        format!(r#"test_calls_total{{{LABELS},tool="a",outcome="ok"}} 3"#),
        "# TYPE test_slots gauge".to_owned(),
        format!(r#"test_call_duration_seconds_bucket{{{LABELS},tool="a",le="2.0"}} 1"#),
    ] {
        assert!(
            open.body.lines().any(|have| have == line),
            "{line}\n{}",
            open.body
        );
    }
    assert!(open.body.ends_with("\n# EOF\n") && !text.body.contains("# EOF"));
    let series = |page: &str| -> std::collections::BTreeSet<String> {
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| line.split_once("} ").map(|(series, _)| series.to_owned()))
            .filter(|series| series.starts_with("test_"))
            .collect()
    };
    assert_eq!(series(&open.body), series(&text.body));
}

#[test]
fn a_bucket_names_the_last_trace_that_was_exported_and_no_other() {
    let collector = Collector::start();
    let service = traced(&collector);
    let slow = || async { "done" };
    let address = service.serve(Router::new().route("/items/{id}", get(slow)));
    let ask = |headers: &str| {
        let request = format!("GET /items/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n");
        let answer = service.request(address, &request);
        answer.header("x-trace-id").unwrap().to_owned()
    };
    let buckets = || -> Vec<String> {
        let page = scrape(&service, address, OPENMETRICS).body;
        let lines = page.lines().filter(|line| {
            line.starts_with("http_request_duration_seconds_bucket") && line.contains("/items/{id}")
        });
        lines.map(str::to_owned).collect()
    };
    ask("");
    assert!(
        buckets().iter().all(|line| !line.contains(" # ")),
        "{:?}",
        buckets()
    );
    ask("x-debug-trace: true\r\n");
    let shown = ask("x-debug-trace: true\r\n");
    let buckets = buckets();
    let with = |line: &&String| line.contains(&format!(r#" # {{trace_id="{shown}",span_id=""#));
    assert_eq!(buckets.iter().filter(with).count(), 1, "{buckets:?}");
    assert!(
        !service.telemetry.render().contains("trace_id"),
        "not in the classic format"
    );
    service.runtime.block_on(service.telemetry.shutdown());
    let span_id = |line: &str| line.split_once(r#"span_id=""#).unwrap().1[..16].to_owned();
    let named: Vec<String> = buckets.iter().filter(with).map(|line| span_id(line)).collect();
    let spans = collector.received.spans();
    let sent: Vec<String> = spans
        .iter()
        .map(|span| crate::collector::hex(&span.span_id))
        .collect();
    assert!(named.iter().all(|id| sent.contains(id)), "{named:?} {sent:?}");
}

#[test]
fn exemplars_are_bounded_and_the_page_with_them() {
    let collector = Collector::start();
    let service = traced(&collector);
    let metrics = TestMetrics::new(&service.telemetry);
    let metrics_of = metrics.clone();
    service.run(async move {
        let parent = std::collections::BTreeMap::from([(
            "traceparent".to_owned(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        )]);
        let span = telemetry::propagation::span_from(&parent, || tracing::info_span!("call"));
        for tool in 0..2_000 {
            for seconds in [0.1, 1.0, 9.0] {
                metrics_of.took.with([tool.to_string()]).record_in(&span, seconds);
            }
            metrics_of
                .calls
                .with([tool.to_string().as_str(), "ok"])
                .increment(1);
        }
    });
    let page = service.telemetry.render_as(Format::OpenMetrics);
    let exemplars = page.lines().filter(|line| line.contains(" # {")).count();
    // Fifty tools and `other`, three buckets each.
    assert_eq!(exemplars, 153);
}

#[test]
fn who_takes_gzip_gets_the_page_in_a_tenth_of_the_bytes() {
    let service = Service::with("worker", |_| {});
    let metrics = TestMetrics::new(&service.telemetry);
    for tool in 0..500 {
        metrics
            .calls
            .with([format!("tool-{tool}").as_str(), "ok"])
            .increment(1);
    }
    let address = service.serve(Router::new());
    let request = "GET /metrics HTTP/1.1\r\nhost: t\r\nconnection: close\r\naccept-encoding: gzip\r\n\r\n";
    let answer = service.raw(address, request);
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let packed = &answer[end + 4..];
    let mut page = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut page)
        .unwrap();
    assert!(page.contains(r#"tool="tool-499""#));
    assert!(
        packed.len() * 8 < page.len(),
        "{} of {}",
        packed.len(),
        page.len()
    );
    assert!(scrape(&service, address, "").header("content-encoding").is_none());
}
