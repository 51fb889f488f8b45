//! Code that is written against the `metrics` façade, with a service's registry as its recorder.
#![expect(
    clippy::disallowed_macros,
    reason = "the façade's own macros, as a dependency would call them, are what is tested"
)]

use telemetry::metrics::Registry;

use crate::bounds::TestMetrics;
use crate::fixture::Service;

const LABELS: &str = r#"service="worker",environment="test""#;

fn through_the_facade(service: &Service, record: impl FnOnce()) {
    let registry: &Registry = service.telemetry.registry();
    metrics::with_local_recorder(registry, record);
}

#[test]
fn a_declared_metric_is_the_same_series_through_the_facade_and_through_its_block() {
    let service = Service::with("worker", |_| {});
    let block = TestMetrics::new(&service.telemetry);
    block.calls.with(["a", "ok"]).increment(1);
    through_the_facade(&service, || {
        // In another order than declared.
        metrics::counter!("test_calls_total", "outcome" => "ok", "tool" => "a").increment(2);
        metrics::counter!("test_calls_total", "tool" => "b", "outcome" => "ok").absolute(7);
        metrics::gauge!("test_slots").set(4.0);
        metrics::gauge!("test_slots").decrement(1.5);
        metrics::histogram!("test_call_duration_seconds", "tool" => "a").record(0.5);
        metrics::histogram!("test_call_duration_seconds", "tool" => "a").record_many(3.0, 2);
        metrics::describe_counter!("test_calls_total", "Something else.");
    });
    block.took.with(["a"]).record(1.0);
    for line in [
        "# HELP test_calls_total Calls, by tool.".to_owned(),
        format!(r#"test_calls_total{{{LABELS},tool="a",outcome="ok"}} 3"#),
        format!(r#"test_calls_total{{{LABELS},tool="b",outcome="ok"}} 7"#),
        format!("test_slots{{{LABELS}}} 2.5"),
        format!(r#"test_call_duration_seconds_bucket{{{LABELS},tool="a",le="0.5"}} 1"#),
        format!(r#"test_call_duration_seconds_bucket{{{LABELS},tool="a",le="2.0"}} 2"#),
        format!(r#"test_call_duration_seconds_sum{{{LABELS},tool="a"}} 7.5"#),
        format!(r#"test_call_duration_seconds_count{{{LABELS},tool="a"}} 4"#),
    ] {
        assert!(service.has(&line), "{line}\n{}", service.telemetry.render());
    }
}

#[test]
fn what_nobody_declared_so_is_never_on_the_page_and_is_counted() {
    let service = Service::with("worker", |_| {});
    let _block = TestMetrics::new(&service.telemetry);
    let undeclared = format!(r#"telemetry_dropped_total{{{LABELS},signal="metrics",reason="undeclared"}}"#);
    assert!(!service.telemetry.render().contains(&undeclared));
    through_the_facade(&service, || {
        metrics::counter!("test_unheard_of_total").increment(1);
        metrics::gauge!("test_calls_total", "tool" => "kind", "outcome" => "ok").set(1.0);
        metrics::counter!("test_calls_total", "tool" => "few").increment(1);
        metrics::counter!("test_calls_total", "tool" => "more", "outcome" => "ok", "page" => "1")
            .increment(1);
        metrics::counter!("test_calls_total", "tool" => "renamed", "result" => "ok").increment(1);
        metrics::histogram!("test_slots").record(1.0);
    });
    let page = service.telemetry.render();
    assert!(service.has(&format!("{undeclared} 6")), "{page}");
    assert!(
        !page.contains("test_unheard_of") && !page.contains("test_calls_total{"),
        "{page}"
    );
    assert!(service.has(&format!("test_slots{{{LABELS}}} 0")), "{page}");
}

#[test]
fn the_bounds_hold_for_the_facade_too_and_a_removed_series_is_gone() {
    let service = Service::with("worker", |config| config.monitoring.metrics.values_per_label = 2);
    let block = TestMetrics::new(&service.telemetry);
    through_the_facade(&service, || {
        for tool in ["a", "b", "c", "d"] {
            metrics::counter!("test_calls_total", "tool" => tool, "outcome" => "ok").increment(1);
        }
    });
    let calls = |tool, n| format!(r#"test_calls_total{{{LABELS},tool="{tool}",outcome="ok"}} {n}"#);
    assert!(service.has(&calls("b", 1)) && service.has(&calls("other", 2)));
    assert_eq!(block.calls.remove_where("tool", "b"), 1);
    assert!(!service.telemetry.render().contains(r#"tool="b""#));
}
