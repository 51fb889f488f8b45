//! The page against the catalogue: nothing undeclared, nothing dead.

use std::collections::BTreeSet;

use axum::Router;
use axum::routing::get;
use telemetry::{ProcessSeries, own_declarations};

use crate::collector::Received;
use crate::fixture::{Service, eventually};
use crate::grpc_calls::{call, serve};

fn families(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect()
}

#[test]
fn everything_declared_is_emitted_and_everything_emitted_is_declared() {
    let service = Service::with("rest-api", |config| {
        config.monitoring.metrics.values_per_label = 20
    });
    let events =
        || async { axum::response::sse::Sse::new(tokio_stream::empty::<Result<_, std::io::Error>>()) };
    let broken = || async {
        if true {
            panic!("on purpose")
        }
    };
    let router = Router::new()
        .route("/events", get(events))
        .route("/boom", get(broken));
    let address = service.serve(router);
    service
        .telemetry
        .health()
        .register("self", true, || async { Ok(()) });
    for path in ["/events", "/boom", "/health/ready", "/metrics"] {
        service.get(address, path);
    }
    let grpc = serve(&service, Received::default());
    assert!(call(&service, grpc, true).is_ok());
    let spread = crate::bounds::TestMetrics::new(&service.telemetry);
    for tool in 0..30 {
        spread.calls.with([tool.to_string().as_str(), "ok"]).increment(1);
    }
    let declared = own_declarations();
    let declared: BTreeSet<&str> = declared.iter().map(|declaration| declaration.name).collect();
    let own = |page: &str| -> BTreeSet<String> {
        families(page)
            .into_iter()
            .filter(|name| !name.starts_with("test_"))
            .map(str::to_owned)
            .collect()
    };
    let expected: BTreeSet<String> = declared.iter().map(|name| (*name).to_owned()).collect();
    eventually("all of the catalogue is on the page", || {
        own(&service.telemetry.render()) == expected
    });
}

#[test]
fn every_histogram_declares_buckets_that_ascend_and_every_counter_is_a_total() {
    for declaration in own_declarations() {
        let is_histogram = declaration.kind == telemetry::metrics::Kind::Histogram;
        assert_eq!(
            is_histogram,
            !declaration.buckets.is_empty(),
            "{}",
            declaration.name
        );
        assert!(
            declaration.buckets.is_sorted_by(|a, b| a < b),
            "{}",
            declaration.name
        );
        let is_counter = declaration.kind == telemetry::metrics::Kind::Counter;
        assert_eq!(
            is_counter,
            declaration.name.ends_with("_total"),
            "{}",
            declaration.name
        );
        assert!(!declaration.help.trim().is_empty(), "{}", declaration.name);
    }
}

#[test]
fn the_process_is_seen_once_however_many_services_it_holds() {
    let (api, worker) = (Service::with("rest-api", |_| {}), Service::with("worker", |_| {}));
    assert!(api.telemetry.process_series(ProcessSeries::As("devmesh")));
    assert!(worker.telemetry.process_series(ProcessSeries::Elsewhere));
    let page = api.telemetry.render();
    assert!(
        page.contains(r#"process_resident_memory_bytes{service="devmesh",environment="test"}"#),
        "{page}"
    );
    assert!(
        page.contains(r#"tokio_workers{service="rest-api",environment="test"} 2"#),
        "{page}"
    );
    assert!(!worker.telemetry.render().contains("process_"));
}

#[test]
fn the_process_figures_are_those_of_this_process() {
    let service = Service::start();
    let value = |name: &str| -> f64 {
        let page = service.telemetry.render();
        let line = page
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    let megabyte = 1_048_576.0;
    assert!(value("process_resident_memory_bytes") > megabyte);
    assert!(value("process_memory_limit_bytes") >= value("process_resident_memory_bytes"));
    assert!(value("process_cpu_limit_cores") > 0.0);
    let before = value("process_open_fds");
    let files: Vec<_> = (0..50)
        .map(|_| std::fs::File::open("/dev/null").unwrap())
        .collect();
    assert!(value("process_open_fds") > before + 20.0);
    drop(files);
    let started = chrono::DateTime::from_timestamp(value("process_start_time_seconds") as i64, 0).unwrap();
    let newest = std::fs::metadata("/proc/self").unwrap().modified().unwrap();
    let newest = chrono::DateTime::<chrono::Utc>::from(newest);
    assert!(
        (newest - started).num_minutes().abs() < 30,
        "{started} against {newest}"
    );
}

#[test]
fn the_reference_page_lists_each_metric_with_its_labels_and_buckets() {
    let page = telemetry::markdown(&own_declarations());
    let row = page
        .lines()
        .find(|line| line.starts_with("| `http_request_duration_seconds` |"))
        .unwrap();
    assert!(
        row.contains("| histogram | `method`, `path`, `status` |"),
        "{row}"
    );
    assert!(
        row.ends_with("| 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 |"),
        "{row}"
    );
    assert_eq!(
        page.lines().filter(|line| line.starts_with("| `")).count(),
        own_declarations().len()
    );
}
