//! Health, version and the log level, over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use axum::Router;
use telemetry::AdminAccess;

use crate::fixture::{Answer, Service, eventually};

fn put_level(service: &Service, address: std::net::SocketAddr, token: &str, body: &str) -> Answer {
    let head = format!(
        "PUT /admin/log-level HTTP/1.1\r\nhost: t\r\nconnection: close\r\nauthorization: Bearer {token}"
    );
    service.request(
        address,
        &format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
    )
}

fn debug_is_logged(service: &Service) -> bool {
    let before = service.lines().len();
    service.run(async { tracing::debug!("detail") });
    service.lines().len() > before
}

#[test]
fn the_log_level_changes_at_run_time() {
    let service = Service::start();
    let address = service.serve(Router::new());
    assert!(!debug_is_logged(&service));
    let answer = put_level(&service, address, "secret", r#"{"level":"debug"}"#);
    assert_eq!(
        (answer.status, answer.json()["level"].as_str()),
        (200, Some("debug"))
    );
    assert!(debug_is_logged(&service));
    put_level(&service, address, "secret", r#"{"level":"info"}"#);
    assert!(!debug_is_logged(&service));
    put_level(
        &service,
        address,
        "secret",
        r#"{"level":"debug","module":"service::admin"}"#,
    );
    assert!(debug_is_logged(&service), "this module alone");
}

#[test]
fn a_temporary_log_level_falls_back() {
    let service = Service::start();
    let address = service.serve(Router::new());
    let answer = put_level(
        &service,
        address,
        "secret",
        r#"{"level":"debug","for_seconds":1}"#,
    );
    assert_eq!(answer.status, 200);
    assert!(debug_is_logged(&service));
    eventually("info again", || {
        service.telemetry.log_levels().current() == "info"
    });
    assert!(!debug_is_logged(&service));
}

#[test]
fn the_log_level_is_for_the_admin_alone() {
    let service = Service::start();
    let address = service.serve(Router::new());
    let wrong = put_level(&service, address, "guess", r#"{"level":"debug"}"#);
    assert_eq!(
        (wrong.status, wrong.header("www-authenticate")),
        (401, Some("Bearer"))
    );
    assert_eq!(service.get(address, "/admin/log-level").status, 401);
    assert_eq!(service.telemetry.log_levels().current(), "info");
    for (bad, field) in [
        (r#"{"level":"loud"}"#, "level: "),
        (r#"{"level":"off"}"#, "level: "),
        (r#"{"level":"info,rest-api=debug"}"#, "level: there is no crate"),
        (
            r#"{"level":"debug","module":"rest_apy::http"}"#,
            "module: there is no crate",
        ),
        (r#"{"level":"info,h2=debug","module":"h2"}"#, "level: "),
        (r#"{"levle":"debug"}"#, "unknown field `levle`"),
        ("not json", "expected"),
    ] {
        let answer = put_level(&service, address, "secret", bad);
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(
            answer.status == 400 && detail.starts_with(field),
            "{bad}: {detail}"
        );
    }
    assert_eq!(service.telemetry.log_levels().current(), "info");
    let quiet = put_level(&service, address, "secret", r#"{"level":"off","module":"h2"}"#);
    assert_eq!(quiet.json()["level"], "info,h2=off");
}

#[test]
fn without_an_admin_token_the_admin_endpoints_are_closed() {
    let headers = axum::http::HeaderMap::from_iter([(
        axum::http::header::AUTHORIZATION,
        axum::http::HeaderValue::from_static("Bearer "),
    )]);
    assert_eq!(
        AdminAccess::closed().check(&headers),
        Err(axum::http::StatusCode::FORBIDDEN)
    );
    assert_eq!(
        AdminAccess::new(Some("".into())).check(&headers),
        Err(axum::http::StatusCode::FORBIDDEN)
    );
}

#[test]
fn a_service_is_ready_once_its_latches_are_open_and_its_checks_pass() {
    let service = Service::start();
    let address = service.serve(Router::new());
    let latch = service.telemetry.health().latch("migrations");
    assert_eq!(
        service.get(address, "/health").status,
        200,
        "alive from the start"
    );
    let starting = service.get(address, "/health/startup");
    assert_eq!(
        (starting.status, &starting.json()["waiting_for"][0]),
        (503, &"migrations".into())
    );
    let waiting = service.get(address, "/health/ready");
    assert_eq!(
        (waiting.status, &waiting.json()["status"]),
        (503, &"not_ready".into())
    );
    assert_eq!(waiting.json()["checks"]["migrations"]["status"], "unhealthy");

    latch.open();
    assert_eq!(
        service.get(address, "/health/startup").json()["status"],
        "started"
    );
    assert_eq!(service.get(address, "/health/ready").json()["status"], "ready");

    let works = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&works);
    service.telemetry.health().register("database", true, move || {
        let works = seen.load(SeqCst);
        async move {
            if works {
                Ok(())
            } else {
                Err("connection refused".to_owned())
            }
        }
    });
    eventually("the check takes it out", || {
        service.get(address, "/health/ready").status == 503
    });
    let report = service.get(address, "/health/ready").json();
    assert_eq!(report["checks"]["database"]["error"], "connection refused");
    assert!(report["checks"]["database"]["latency_ms"].is_f64() && report["timestamp"].is_string());
    works.store(true, SeqCst);
    eventually("ready again", || {
        service.get(address, "/health/ready").status == 200
    });
    let page = service.telemetry.render();
    assert!(page.contains(r#"check="database",status="unhealthy"}"#), "{page}");
    assert!(page.contains("health_check_duration_seconds_bucket"), "{page}");
}

#[test]
fn the_version_names_the_build() {
    let service = Service::start();
    let version = service.get(service.serve(Router::new()), "/version").json();
    assert_eq!(
        (&version["version"], &version["revision"]),
        (&"1.2.3".into(), &"abc123".into())
    );
}
