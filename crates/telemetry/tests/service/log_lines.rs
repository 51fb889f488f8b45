//! Lines as a log shipper reads them.

use std::io::Write;
use std::sync::mpsc::{Receiver, channel};

use axum::routing::get;
use axum::{Extension, Router};
use serde_json::Value;
use telemetry::http::RequestSpan;
use telemetry::{Telemetry, TelemetryConfig};

use crate::fixture::{Service, info};

fn names(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_line_has_the_contracts_fields_in_order_and_then_the_events_own() {
    let service = Service::start();
    let handler = |Extension(span): Extension<RequestSpan>| async move {
        span.identify(Some("acme"), Some("key-7"));
        async {
            tracing::info!(
                tool = "list_pods",
                attempts = 2_u64,
                ratio = 0.5,
                cached = true,
                "tool called"
            )
        }
        .await;
    };
    let address = service.serve(Router::new().route("/call", get(handler)));
    let answer = service.get(address, "/call");
    let lines = service.lines();
    let line = lines.iter().find(|line| line["msg"] == "tool called").unwrap();
    let expected = [
        "time",
        "level",
        "msg",
        "service",
        "version",
        "environment",
        "caller",
        "trace_id",
        "span_id",
        "correlation_id",
        "tenant_id",
        "user_id",
        "tool",
        "attempts",
        "ratio",
        "cached",
    ];
    assert_eq!(names(line), expected);
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["service"], "rest-api");
    assert_eq!(line["trace_id"].as_str(), answer.header("x-trace-id"));
    assert_eq!(line["correlation_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(
        (&line["tenant_id"], &line["user_id"]),
        (&"acme".into(), &"key-7".into())
    );
    assert!(
        line["caller"].as_str().unwrap().contains("log_lines.rs:"),
        "{line}"
    );
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    assert_eq!(line["attempts"], 2);

    let closing = service.closing_lines("/call");
    assert_eq!(closing.len(), 1, "exactly one closing line");
    assert_eq!(closing[0]["tenant_id"], "acme");
    assert!(closing[0]["duration"].is_f64() && closing[0]["duration_ms"].is_f64());
    let digits = closing[0]["duration_ms"].to_string();
    let after_point = digits.split_once('.').map_or(0, |(_, rest)| rest.len());
    assert!(after_point <= 3, "{digits}");
}

#[test]
fn a_critical_error_says_so_and_a_field_cannot_pose_as_a_standard_one() {
    let service = Service::start();
    service.run(async {
        tracing::error!(
            critical = true,
            level = "fake",
            service = "other",
            "database gone"
        )
    });
    let line = &service.lines()[0];
    assert_eq!(line["level"], "CRITICAL");
    assert_eq!(line["service"], "rest-api");
    assert_eq!(
        (&line["field_level"], &line["field_service"]),
        (&"fake".into(), &"other".into())
    );
    assert!(line.get("critical").is_none());
}

#[test]
fn a_line_break_in_a_value_stays_inside_of_its_line() {
    let service = Service::start();
    service.run(async { tracing::warn!(given = "a\n{\"level\":\"fake\"}", "odd\ninput") });
    let lines = service.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["given"], "a\n{\"level\":\"fake\"}");
}

#[test]
fn what_is_named_as_a_secret_is_in_no_line_whatever_its_style() {
    for format in ["json", "pretty"] {
        let config = format!(r#"{{"monitoring":{{"logging":{{"format":"{format}"}}}}}}"#);
        let config: TelemetryConfig = serde_json::from_str(&config).unwrap();
        let service = Service::with("worker", |own| *own = config);
        service.run(async {
            tracing::warn!(
                password = "hunter2",
                db.token = ?"hunter2",
                api_key = 471_147_114_711_471_147_u64,
                input_tokens = 12,
                "signed in"
            );
        });
        let text = service.text();
        assert!(
            !text.contains("hunter2") && !text.contains("471147114711"),
            "{text}"
        );
        assert_eq!(
            text.matches("***").count(),
            3,
            "that they were there is shown: {text}"
        );
        assert!(text.contains("input_tokens"), "{text}");
    }
}

#[test]
fn a_line_for_people_is_one_line_and_steers_no_terminal() {
    let config = r#"{"monitoring":{"logging":{"format":"pretty"}}}"#;
    let config: TelemetryConfig = serde_json::from_str(config).unwrap();
    let service = Service::with("worker", |own| *own = config);
    service.run(async { tracing::warn!(given = "a\r\nb\u{9b}31m", "odd\ninput \x1b]0;title\x07") });
    let text = service.text();
    assert!(text.contains(r"odd\ninput \u{1b}]0;title\u{7}"), "{text}");
    assert!(text.contains(r"given=a\r\nb\u{9b}31m"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn only_the_fields_that_were_asked_for_are_there() {
    let config = r#"{"monitoring":{"logging":{"fields":["trace_id","service"]}}}"#;
    let config: TelemetryConfig = serde_json::from_str(config).unwrap();
    let service = Service::with("worker", |own| *own = config);
    service.run(async { tracing::info_span!("job").in_scope(|| tracing::info!(job = 1, "job done")) });
    assert_eq!(
        names(&service.lines()[0]),
        ["time", "level", "msg", "service", "trace_id", "job"]
    );
}

#[test]
fn two_services_in_one_process_log_each_for_itself() {
    let (api, worker) = (Service::with("rest-api", |_| {}), Service::with("worker", |_| {}));
    api.run(async { tracing::info!("from the api") });
    worker.run(async { tracing::info!("from the worker") });
    for (service, name, message) in [
        (&api, "rest-api", "from the api"),
        (&worker, "worker", "from the worker"),
    ] {
        let lines = service.lines();
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (&lines[0]["service"], &lines[0]["msg"]),
            (&name.into(), &message.into())
        );
    }
}

/// An output that blocks until it is told to go on.
struct Stuck(Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // An error means that the test is over.
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_output_costs_lines_and_counts_them_but_never_blocks() {
    let mut config = TelemetryConfig::default();
    config.monitoring.logging.queue = 10;
    let (release, wait) = channel();
    let telemetry = Telemetry::start_with_output(info("worker"), &config, Stuck(wait)).unwrap();
    tracing::dispatcher::with_default(&telemetry.dispatch(), || {
        for number in 0..100 {
            tracing::info!(number, "line");
        }
    });
    // Ten wait, and as many as had come when the thread woke are being written: one to ten.
    let dropped = dropped(&telemetry);
    assert!((80..=90).contains(&dropped), "{dropped}");
    drop(release);
}

#[test]
fn long_lines_take_no_more_memory_than_short_ones_may() {
    let mut config = TelemetryConfig::default();
    config.monitoring.logging.queue = 100;
    let (release, wait) = channel();
    let telemetry = Telemetry::start_with_output(info("worker"), &config, Stuck(wait)).unwrap();
    let long = "x".repeat(8_000);
    tracing::dispatcher::with_default(&telemetry.dispatch(), || {
        for _ in 0..100 {
            tracing::info!(long, "line");
        }
    });
    // Twelve wait, and none to twelve are being written.
    let dropped = dropped(&telemetry);
    assert!((76..=88).contains(&dropped), "{dropped}");
    drop(release);
}

/// Lines that found no room.
fn dropped(telemetry: &Telemetry) -> u64 {
    let page = telemetry.render();
    let dropped = page.lines().find_map(|line| {
        line.strip_prefix(
            r#"telemetry_dropped_total{service="worker",environment="test",signal="logs",reason="queue_full"} "#,
        )
    });
    dropped.unwrap().parse().unwrap()
}
