//! What an HTTP request leaves behind.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::fixture::{Service, eventually};

const LABELS: &str = r#"service="rest-api",environment="test""#;

fn items() -> Router {
    Router::new()
        .route("/items/{id}", get(|| async { "an item" }))
        .route("/items", post(|body: String| async move { body }))
}

#[test]
fn a_request_is_counted_by_its_route_in_a_real_histogram() {
    let service = Service::start();
    let address = service.serve(items());
    assert_eq!(service.get(address, "/items/17?secret=x").status, 200);
    let page = service.get(address, "/metrics");
    assert_eq!(
        page.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let labels = format!(r#"{LABELS},method="GET",path="/items/{{id}}",status="200""#);
    for expected in [
        "# TYPE http_requests_total counter".to_owned(),
        "# TYPE http_request_duration_seconds histogram".to_owned(),
        format!("http_requests_total{{{labels}}} 1"),
        format!("http_request_duration_seconds_bucket{{{labels},le=\"10.0\"}} 1"),
        format!("http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 1"),
        format!("http_request_duration_seconds_count{{{labels}}} 1"),
        format!("http_requests_in_flight{{{LABELS},method=\"GET\",path=\"/items/{{id}}\"}} 0"),
        format!("http_requests_in_flight{{{LABELS},method=\"GET\",path=\"/metrics\"}} 1"),
        format!("http_response_size_bytes_sum{{{LABELS},method=\"GET\",path=\"/items/{{id}}\"}} 7"),
    ] {
        assert!(
            page.body.lines().any(|line| line == expected),
            "{expected}\n{}",
            page.body
        );
    }
    assert!(
        !page.body.contains("/items/17") && !page.body.contains("secret"),
        "{}",
        page.body
    );
}

#[test]
fn what_matches_no_route_is_one_series_and_so_is_every_invented_method() {
    let service = Service::start();
    let address = service.serve(items());
    assert_eq!(service.get(address, "/wp-admin").status, 404);
    assert_eq!(service.get(address, "/.env").status, 404);
    let odd = service.request(
        address,
        "BREW /items HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
    );
    assert_eq!(odd.status, 405);
    let count = |method, path, status, n| {
        format!(r#"http_requests_total{{{LABELS},method="{method}",path="{path}",status="{status}"}} {n}"#)
    };
    assert!(
        service.has(&count("GET", "unmatched", "404", 2)),
        "{}",
        service.telemetry.render()
    );
    assert!(
        service.has(&count("other", "/items", "405", 1)),
        "{}",
        service.telemetry.render()
    );
}

#[test]
fn a_body_of_unknown_length_is_counted_as_it_is_read() {
    let service = Service::start();
    let address = service.serve(items());
    let chunked = "POST /items HTTP/1.1\r\nhost: t\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(service.request(address, chunked).body, "hello");
    let sum = format!(r#"http_request_size_bytes_sum{{{LABELS},method="POST",path="/items"}} 5"#);
    assert!(service.has(&sum), "{}", service.telemetry.render());
}

#[test]
fn the_callers_request_id_is_kept_if_it_is_clean_and_replaced_if_not() {
    let service = Service::start();
    let address = service.serve(items());
    let ask = |id: &str| {
        let head =
            format!("GET /items/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\nx-request-id: {id}\r\n\r\n");
        service
            .request(address, &head)
            .header("x-request-id")
            .unwrap()
            .to_owned()
    };
    assert_eq!(ask("deploy-42.retry_1"), "deploy-42.retry_1");
    assert_eq!(ask("with space").len(), 36);
    assert_eq!(ask(&"x".repeat(129)).len(), 36);
    let lines = service.closing_lines("/items/{id}");
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["correlation_id"], "deploy-42.retry_1");
}

#[test]
fn a_panic_is_a_500_that_names_the_request_and_is_counted() {
    let service = Service::start();
    let broken = || async {
        if true {
            panic!("the cause")
        }
    };
    let address = service.serve(Router::new().route("/boom", get(broken)));
    let answer = service.get(address, "/boom");
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        answer.json()["request_id"].as_str(),
        answer.header("x-request-id")
    );
    assert_eq!(answer.json()["trace_id"].as_str(), answer.header("x-trace-id"));
    assert!(!answer.body.contains("the cause"), "internals stay inside");
    assert!(service.has(&format!(
        r#"http_panics_total{{{LABELS},method="GET",path="/boom"}} 1"#
    )));
    assert!(
        service
            .lines()
            .iter()
            .any(|line| line["panic"] == "the cause" && line["level"] == "ERROR")
    );
}

#[test]
fn a_stream_counts_as_a_stream_until_it_ends_and_not_as_in_flight() {
    let service = Service::start();
    let (send, receive) = tokio::sync::mpsc::unbounded_channel::<String>();
    let receive = Arc::new(Mutex::new(Some(receive)));
    let events = move || {
        let receive = receive.lock().unwrap().take().unwrap();
        let events = UnboundedReceiverStream::new(receive)
            .map(|text| Ok::<_, Infallible>(Event::default().data(text)));
        async move { Sse::new(events) }
    };
    let address = service.serve(Router::new().route("/events", get(events)));
    let mut stream = service.runtime.block_on(async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /events HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stream
    });
    let streams = |n| format!(r#"http_streams_active{{{LABELS},path="/events"}} {n}"#);
    let in_flight = format!(r#"http_requests_in_flight{{{LABELS},method="GET",path="/events"}} 0"#);
    let observed = format!(
        r#"http_request_duration_seconds_count{{{LABELS},method="GET",path="/events",status="200"}} 1"#
    );
    assert!(service.has(&streams(1)) && service.has(&in_flight) && service.has(&observed));
    assert!(service.closing_lines("/events").is_empty(), "still open");

    send.send("hello".to_owned()).unwrap();
    drop(send);
    let rest = service.runtime.block_on(async {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        rest
    });
    assert!(rest.contains("data: hello"));
    eventually("the stream is over", || service.has(&streams(0)));
    eventually("it closes with a line", || {
        service.closing_lines("/events").len() == 1
    });
    assert_eq!(service.closing_lines("/events")[0]["outcome"], "completed");
    assert!(service.has(&observed), "counted once");
}

#[test]
fn a_caller_that_goes_away_leaves_one_closing_line_and_nothing_in_flight() {
    let service = Service::start();
    let (entered, arrived) = std::sync::mpsc::channel();
    let stuck = move || {
        entered.send(()).unwrap();
        std::future::pending::<()>()
    };
    let address = service.serve(Router::new().route("/stuck", get(stuck)));
    service.runtime.block_on(async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /stuck HTTP/1.1\r\nhost: t\r\n\r\n")
            .await
            .unwrap();
        tokio::task::block_in_place(|| arrived.recv().unwrap());
    });
    eventually("the request is closed", || {
        service.closing_lines("/stuck").len() == 1
    });
    let line = &service.closing_lines("/stuck")[0];
    assert_eq!(
        (line["status"].as_u64(), line["outcome"].as_str()),
        (Some(499), Some("aborted"))
    );
    assert!(service.has(&format!(
        r#"http_requests_in_flight{{{LABELS},method="GET",path="/stuck"}} 0"#
    )));
}
