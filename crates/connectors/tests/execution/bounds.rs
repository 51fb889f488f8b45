use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use connectors::{CallContext, OnSend};
use domain::CallErrorKind;
use serde_json::json;
use test_support::{Gate, Reply, Upstream};

use crate::support::{Mesh, text, tool};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_upstream_that_hangs_is_a_time_out_and_may_have_done_it() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("POST", "/", Reply::hang());
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.limits.timeout_ms = 200;
    let context = CallContext::default();
    let outcome = mesh
        .connectors
        .call(&mesh.provider, &tool("POST", "/"), json!({}), &context)
        .await;
    assert_eq!(outcome.error, Some(CallErrorKind::Timeout), "{}", text(&outcome));
    assert!(context.may_have_had_effect());
}

#[tokio::test]
async fn the_callers_deadline_ends_a_call_before_the_providers_does() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::hang());
    let mesh = Mesh::reaching(&upstream);
    let begin = Instant::now();
    let context = CallContext {
        deadline: Some(begin + Duration::from_millis(150)),
        ..CallContext::default()
    };
    let outcome = mesh
        .connectors
        .call(&mesh.provider, &tool("GET", "/"), json!({}), &context)
        .await;
    assert_eq!(outcome.error, Some(CallErrorKind::Timeout));
    assert!(begin.elapsed() < SOON);
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::hang());
    let mesh = Mesh::reaching(&upstream);
    let context = CallContext::default();
    let the_tool = tool("GET", "/");
    let call = mesh
        .connectors
        .call(&mesh.provider, &the_tool, json!({}), &context);
    let cancel = async {
        upstream.wait_for_requests(1, SOON).await.unwrap();
        context.cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(call, cancel);
    assert_eq!(outcome.error, Some(CallErrorKind::Cancelled));
}

#[tokio::test]
async fn a_refused_connection_is_no_effect_and_a_reset_one_may_be_one() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("POST", "/", Reply::reset());
    let mut mesh = Mesh::reaching(&upstream);
    let context = CallContext::default();
    let outcome = mesh
        .connectors
        .call(&mesh.provider, &tool("POST", "/"), json!({}), &context)
        .await;
    assert_eq!(
        (outcome.error, context.may_have_had_effect()),
        (Some(CallErrorKind::UpstreamUnreachable), true)
    );
    mesh.provider.base_url = format!("http://127.0.0.1:{}", test_support::free_port().unwrap());
    mesh.provider.version += 1;
    let context = CallContext::default();
    let outcome = mesh
        .connectors
        .call(&mesh.provider, &tool("POST", "/"), json!({}), &context)
        .await;
    assert_eq!(
        (outcome.error, context.may_have_had_effect()),
        (Some(CallErrorKind::UpstreamUnreachable), false)
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    let upstream = Upstream::start().await.unwrap();
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.base_url = "http://does-not-exist.invalid".to_owned();
    let outcome = mesh.call(&tool("GET", "/"), json!({})).await;
    assert_eq!(
        outcome.error,
        Some(CallErrorKind::UpstreamUnreachable),
        "{}",
        text(&outcome)
    );
    assert!(text(&outcome).contains("does not resolve"), "{}", text(&outcome));
}

#[tokio::test]
async fn the_hook_runs_once_before_the_request_and_can_stop_it() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("POST", "/", Reply::redirect(307, "/again"));
    upstream.on("POST", "/again", Reply::json(200, &json!({})));
    let mesh = Mesh::reaching(&upstream);
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = ran.clone();
    let hook = OnSend::new(move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let context = CallContext {
        on_send: Some(hook),
        ..CallContext::default()
    };
    let outcome = mesh
        .connectors
        .call(&mesh.provider, &tool("POST", "/"), json!({}), &context)
        .await;
    assert_eq!((outcome.error, ran.load(Ordering::Relaxed)), (None, 1));

    upstream.forget_requests();
    let hook = OnSend::new(|| async { Err("the lease is lost".to_owned()) });
    let context = CallContext {
        on_send: Some(hook),
        ..CallContext::default()
    };
    let outcome = mesh
        .connectors
        .call(&mesh.provider, &tool("POST", "/"), json!({}), &context)
        .await;
    assert_eq!(outcome.error, Some(CallErrorKind::Unavailable));
    assert_eq!(text(&outcome), "the lease is lost");
    assert!(!context.may_have_had_effect());
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn no_more_calls_run_at_once_than_the_provider_has_places() {
    let upstream = Upstream::start().await.unwrap();
    let gate = Gate::new();
    upstream.on("GET", "/", Reply::json(200, &json!({})).held_by(&gate));
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.limits.concurrency = 2;
    mesh.provider.limits.queue_timeout_ms = 60_000;
    let the_tool = tool("GET", "/");
    let calls = futures::future::join_all((0..5).map(|_| mesh.call(&the_tool, json!({}))));
    let watch = async {
        upstream.wait_for_requests(2, SOON).await.unwrap();
        let page = mesh.telemetry.render();
        assert!(
            page.contains(r#"mcp_tool_queue_size{service="worker",environment="test",provider="acme"} 3"#),
            "{page}"
        );
        assert!(
            page.contains(r#"mcp_tools_active{service="worker",environment="test",provider="acme"} 2"#),
            "{page}"
        );
        assert_eq!(upstream.requests().len(), 2);
        gate.open();
    };
    let (outcomes, ()) = tokio::join!(calls, watch);
    assert!(outcomes.iter().all(|outcome| outcome.error.is_none()));
    assert_eq!(upstream.requests().len(), 5);
    let page = mesh.telemetry.render();
    assert!(
        page.contains(r#"mcp_tool_queue_size{service="worker",environment="test",provider="acme"} 0"#),
        "{page}"
    );
}

#[tokio::test]
async fn who_waits_too_long_for_a_place_is_told_so() {
    let upstream = Upstream::start().await.unwrap();
    let gate = Gate::new();
    upstream.on("GET", "/", Reply::json(200, &json!({})).held_by(&gate));
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.limits.concurrency = 1;
    mesh.provider.limits.queue_timeout_ms = 50;
    let the_tool = tool("GET", "/");
    let second = async {
        upstream.wait_for_requests(1, SOON).await.unwrap();
        let outcome = mesh.call(&the_tool, json!({})).await;
        gate.open();
        outcome
    };
    let (first, second) = tokio::join!(mesh.call(&the_tool, json!({})), second);
    assert_eq!(
        (first.error, second.error),
        (None, Some(CallErrorKind::Unavailable)),
        "{}",
        text(&second)
    );
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn connections_are_used_again() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::start().await.unwrap();
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.base_url = format!("http://{}", listener.local_addr().unwrap());
    mesh.provider.limits.timeout_ms = 10_000;
    // Accepts a single connection: a call that opened a second one would get no answer.
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            let mut request = [0; 2_048];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                .await
                .unwrap();
        }
    };
    let calls = async {
        for _ in 0..3 {
            let outcome = mesh.call(&tool("GET", "/"), json!({})).await;
            assert_eq!(outcome.error, None, "{}", text(&outcome));
        }
    };
    tokio::join!(calls, server);
}

#[tokio::test]
async fn a_probe_tells_whether_the_upstream_answers() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on_each(
        "GET",
        "/",
        vec![Reply::status(200), Reply::status(404), Reply::status(500)],
    );
    let mut mesh = Mesh::reaching(&upstream);
    assert_eq!(mesh.connectors.probe(&mesh.provider).await, Ok(()));
    assert_eq!(mesh.connectors.probe(&mesh.provider).await, Ok(()));
    let failure = mesh.connectors.probe(&mesh.provider).await.unwrap_err();
    assert!(failure.contains("500"), "{failure}");
    mesh.provider.base_url = format!("http://127.0.0.1:{}", test_support::free_port().unwrap());
    mesh.provider.version += 1;
    assert!(mesh.connectors.probe(&mesh.provider).await.is_err());
}
