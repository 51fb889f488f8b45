//! No caller can make the page grow without end.

use crate::fixture::Service;

telemetry::metrics! {
    /// A block as a crate of the product declares it.
    pub struct TestMetrics {
        /// Calls, by tool.
        calls: counter "test_calls_total" [tool, outcome],
        /// Seconds a call took.
        took: histogram "test_call_duration_seconds" [tool] buckets &[0.5, 2.0],
        /// Slots
        /// in use.
        slots: gauge "test_slots" [],
        /// Spent.
        cost: counter "test_cost_usd_total" [service],
    }
}

const LABELS: &str = r#"service="worker",environment="test""#;

#[test]
fn values_beyond_a_labels_bound_go_to_other_and_are_counted() {
    let service = Service::with("worker", |config| config.monitoring.metrics.values_per_label = 3);
    let metrics = TestMetrics::new(&service.telemetry);
    for tool in ["a", "b", "c", "d", "e", "a"] {
        metrics.calls.with([tool, "ok"]).increment(1);
    }
    let calls = |tool, n| format!(r#"test_calls_total{{{LABELS},tool="{tool}",outcome="ok"}} {n}"#);
    assert!(service.has(&calls("a", 2)) && service.has(&calls("c", 1)) && service.has(&calls("other", 2)));
    let overflow = r#"metric="test_calls_total",label="tool"} 2"#;
    assert!(service.has(&format!("telemetry_label_overflow_total{{{LABELS},{overflow}")));
}

#[test]
fn a_removed_series_leaves_the_page_and_makes_room_for_another() {
    let service = Service::with("worker", |config| config.monitoring.metrics.values_per_label = 2);
    let metrics = TestMetrics::new(&service.telemetry);
    for (tool, outcome) in [("a", "ok"), ("a", "failed"), ("b", "ok")] {
        metrics.calls.with([tool, outcome]).increment(1);
    }
    assert_eq!(metrics.calls.remove_where("tool", "a"), 2);
    assert!(!service.telemetry.render().contains(r#"tool="a""#));
    metrics.calls.with(["c", "ok"]).increment(1);
    assert!(service.telemetry.render().contains(r#"tool="c""#));
    assert!(metrics.calls.remove(["c", "ok"]) && !metrics.calls.remove(["c", "ok"]));
}

#[test]
fn the_series_of_a_metric_and_the_lines_of_the_page_are_bounded_too() {
    let service = Service::with("worker", |config| {
        config.monitoring.metrics.series_per_metric = 10
    });
    let metrics = TestMetrics::new(&service.telemetry);
    for tool in 0..20 {
        metrics
            .calls
            .with([tool.to_string(), "ok".to_owned()])
            .increment(1);
    }
    let page = service.telemetry.render();
    assert!(
        service.has(&format!(
            r#"test_calls_total{{{LABELS},tool="other",outcome="other"}} 10"#
        )),
        "{page}"
    );

    let service = Service::with("worker", |config| config.monitoring.metrics.lines_per_page = 200);
    let metrics = TestMetrics::new(&service.telemetry);
    for tool in 0..500 {
        metrics
            .calls
            .with([tool.to_string(), "ok".to_owned()])
            .increment(1);
    }
    let page = service.telemetry.render();
    let lines = page
        .lines()
        .filter(|line| line.starts_with("test_calls_total"))
        .count();
    assert!(lines <= 201, "{lines}");
    assert!(
        page.contains(r#"metric="test_calls_total",label="page"}"#),
        "{page}"
    );
}

#[test]
fn a_block_renders_as_declared() {
    let service = Service::with("worker", |_| {});
    let metrics = TestMetrics::new(&service.telemetry);
    TestMetrics::new(&service.telemetry).slots.set(2.0);
    let held = metrics.slots.hold();
    for seconds in [0.5, 1.0, 7.0] {
        metrics.took.with(["a\"\\\n"]).record(seconds);
    }
    metrics.cost.with(["ec2"]).add(0.25);
    metrics.cost.with(["ec2"]).increment(2);
    let tool = r#"tool="a\"\\\n""#;
    for line in [
        "# HELP test_slots Slots in use.".to_owned(),
        format!("test_slots{{{LABELS}}} 3"),
        format!(r#"test_call_duration_seconds_bucket{{{LABELS},{tool},le="0.5"}} 1"#),
        format!(r#"test_call_duration_seconds_bucket{{{LABELS},{tool},le="2.0"}} 2"#),
        format!(r#"test_call_duration_seconds_bucket{{{LABELS},{tool},le="+Inf"}} 3"#),
        format!("test_call_duration_seconds_sum{{{LABELS},{tool}}} 8.5"),
        r#"test_cost_usd_total{environment="test",service="ec2"} 2.25"#.to_owned(),
    ] {
        assert!(service.has(&line), "{line}\n{}", service.telemetry.render());
    }
    drop(held);
    assert!(service.has(&format!("test_slots{{{LABELS}}} 2")));
}

#[test]
fn handles_count_right_from_many_threads() {
    let service = Service::with("worker", |_| {});
    let metrics = TestMetrics::new(&service.telemetry);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    metrics.calls.with(["a", "ok"]).increment(1);
                    metrics.cost.with(["ec2"]).add(0.5);
                    metrics.took.with(["a"]).record(1.0);
                }
            });
        }
    });
    assert!(service.has(&format!(
        r#"test_calls_total{{{LABELS},tool="a",outcome="ok"}} 4000"#
    )));
    assert!(service.has(r#"test_cost_usd_total{environment="test",service="ec2"} 2000"#));
    assert!(service.has(&format!(
        r#"test_call_duration_seconds_sum{{{LABELS},tool="a"}} 4000"#
    )));
}
