//! The recording server records, and misbehaves exactly as asked.

use std::time::Duration;

use http::Method;
use serde_json::json;
use test_support::{
    Gate, OtlpReceiver, Process, Reply, Upstream,
    http::{Request, get, post_json},
};

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_request_is_kept_with_headers_query_and_body() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on(
        "PUT",
        "/items/*",
        Reply::json(201, &json!({"ok": true})).header("x-id", "7"),
    );
    let request = Request::new(Method::PUT, &format!("{}/items/a%2Fb?x=1&y=a+b", upstream.url()));
    let answer = request
        .header("x-test", "yes")
        .json(&json!({"n": 1}))
        .send()
        .await
        .unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("x-id")), (201, Some("7")));
    assert_eq!(answer.json().unwrap(), json!({"ok": true}));
    let recorded = &upstream.requests()[0];
    assert_eq!(
        (recorded.method.as_str(), recorded.path.as_str()),
        ("PUT", "/items/a%2Fb")
    );
    assert_eq!(
        recorded.query_pairs(),
        [("x".into(), "1".into()), ("y".into(), "a b".into())]
    );
    assert_eq!(
        (recorded.header("x-test"), recorded.json().unwrap()),
        (Some("yes"), json!({"n": 1}))
    );
}

#[tokio::test]
async fn a_path_without_a_route_answers_404_and_is_recorded() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/known", Reply::status(204));
    assert_eq!(
        get(&format!("{}/unknown", upstream.url())).await.unwrap().status,
        404
    );
    assert_eq!(upstream.requests_to("/unknown").len(), 1);
}

#[tokio::test]
async fn replies_in_turn_end_with_the_last_one() {
    let upstream = Upstream::start().await.unwrap();
    let replies = vec![
        Reply::status(503),
        Reply::redirect(302, "/there"),
        Reply::text(200, "at last"),
    ];
    upstream.on_each("GET", "/", replies);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(get(upstream.url()).await.unwrap().status.as_u16());
    }
    assert_eq!(statuses, [503, 302, 200, 200]);
}

#[tokio::test]
async fn a_held_reply_comes_when_the_gate_opens_and_not_before() {
    let upstream = Upstream::start().await.unwrap();
    let gate = Gate::new();
    upstream.on("*", "/slow", Reply::echo().held_by(&gate));
    let url = format!("{}/slow", upstream.url());
    let body = json!({});
    let mut call = std::pin::pin!(post_json(&url, &body));
    tokio::select! {
        _ = &mut call => panic!("answered before the gate opened"),
        arrived = upstream.wait_for_requests(1, DEADLINE) => assert_eq!(arrived.unwrap().len(), 1),
    }
    gate.open();
    assert_eq!(call.await.unwrap().json().unwrap()["method"], "POST");
}

#[tokio::test]
async fn a_reset_and_a_cut_answer_are_errors_at_the_client() {
    let upstream = Upstream::start().await.unwrap();
    upstream
        .on("GET", "/reset", Reply::reset())
        .on("GET", "/cut", Reply::cut_short(200, 100, "half"));
    let reset = get(&format!("{}/reset", upstream.url())).await.unwrap_err();
    assert!(format!("{reset:#}").contains("reset by peer"), "{reset:#}");
    assert!(get(&format!("{}/cut", upstream.url())).await.is_err());
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_hanging_route_keeps_the_request_and_never_answers() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/hang", Reply::hang());
    let url = format!("{}/hang", upstream.url());
    tokio::select! {
        _ = get(&url) => panic!("answered"),
        arrived = upstream.wait_for_requests(1, DEADLINE) => assert_eq!(arrived.unwrap()[0].path, "/hang"),
    }
}

#[tokio::test]
async fn a_process_reports_its_lines_its_signals_and_its_exit_code() {
    let script = r#"trap 'echo "{\"bye\":1}"; exit 3' TERM; echo ready >&2; while read -r line; do echo "got $line"; done; while :; do sleep 0.05; done"#;
    let process = Process::command("/bin/sh")
        .args(["-c", script])
        .with_stdin()
        .start()
        .unwrap();
    process
        .wait_for_line(DEADLINE, |line| (line == "ready").then_some(()))
        .await
        .unwrap();
    process.write_line("hello").unwrap();
    process
        .wait_for_line(DEADLINE, |line| (line == "got hello").then_some(()))
        .await
        .unwrap();
    process.close_stdin();
    process.terminate().unwrap();
    assert_eq!(process.exit_code(DEADLINE).await.unwrap(), Some(3));
    process
        .wait_for_line(DEADLINE, |line| line.contains("bye").then_some(()))
        .await
        .unwrap();
    assert_eq!(process.json_lines(), [json!({"bye": 1})]);
}

#[tokio::test]
async fn a_process_that_ends_before_it_is_ready_is_reported_with_its_output() {
    let process = Process::command("/bin/sh")
        .args(["-c", "echo no such database; exit 2"])
        .start()
        .unwrap();
    let error = process
        .wait_ready("http://127.0.0.1:1/", DEADLINE)
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("exit status: 2"), "{error:#}");
}

#[tokio::test]
async fn spans_sent_over_otlp_are_collected_with_their_resource() {
    use opentelemetry_proto::tonic::{
        collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
        common::v1::{AnyValue, KeyValue, any_value::Value::StringValue},
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Span},
    };
    let receiver = OtlpReceiver::start().await.unwrap();
    let value = AnyValue {
        value: Some(StringValue("mcp-server".into())),
    };
    let attribute = KeyValue {
        key: "service.name".into(),
        value: Some(value),
        ..Default::default()
    };
    let span = Span {
        name: "tools/call".into(),
        trace_id: vec![0xab; 16],
        span_id: vec![1; 8],
        ..Default::default()
    };
    let scope = ScopeSpans {
        spans: vec![span],
        ..Default::default()
    };
    let resource = Resource {
        attributes: vec![attribute],
        ..Default::default()
    };
    let batch = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope],
        ..Default::default()
    };
    let mut client = TraceServiceClient::connect(receiver.endpoint().to_owned())
        .await
        .unwrap();
    client
        .export(ExportTraceServiceRequest {
            resource_spans: vec![batch],
        })
        .await
        .unwrap();
    let found = receiver
        .wait_for(DEADLINE, |span| span.name == "tools/call")
        .await
        .unwrap();
    assert_eq!(
        (found.service.as_str(), found.trace_id.as_str()),
        ("mcp-server", "ab".repeat(16).as_str())
    );
    assert_eq!(receiver.trace(&"ab".repeat(16)).len(), 1);
}
