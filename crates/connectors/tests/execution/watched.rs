use std::time::Duration;

use connectors::EgressConfig;
use domain::tool::{Location, Style};
use serde_json::json;
use telemetry::TelemetryConfig;
use test_support::{OtlpReceiver, Reply, Upstream};

use crate::support::{Build, Mesh, tool};

#[tokio::test]
async fn calls_are_counted_by_outcome_and_a_tool_that_is_gone_leaves_the_page() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on_each(
        "GET",
        "/",
        vec![Reply::status(200), Reply::status(404), Reply::status(502)],
    );
    let mesh = Mesh::reaching(&upstream);
    for arguments in [json!({}), json!({}), json!({}), json!([])] {
        mesh.call(&tool("GET", "/"), arguments).await;
    }
    let page = mesh.telemetry.render();
    let labels = r#"service="worker",environment="test",tool="acme_do",provider="acme""#;
    for line in [
        // An upstream's own 404 is a working call.
        format!("mcp_tool_executions_total{{{labels},status=\"200\"}} 2"),
        format!("mcp_tool_executions_total{{{labels},status=\"502\"}} 1"),
        format!("mcp_tool_executions_total{{{labels},status=\"400\"}} 1"),
        format!("mcp_tool_errors_total{{{labels},error_type=\"upstream_rejected\"}} 1"),
        format!("mcp_tool_errors_total{{{labels},error_type=\"upstream_failed\"}} 1"),
        format!("mcp_tool_errors_total{{{labels},error_type=\"invalid_arguments\"}} 1"),
        format!("mcp_tool_duration_seconds_count{{{labels}}} 4"),
    ] {
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
    mesh.connectors.retire_tool("acme_do");
    assert!(!mesh.telemetry.render().contains("acme_do"));
}

#[tokio::test]
async fn a_call_is_a_span_with_a_client_span_for_each_hop_and_no_argument_in_them() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let mut config = TelemetryConfig::default();
    config.tracing.enabled = true;
    config.tracing.endpoint = receiver.endpoint().to_owned();
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/items/*", Reply::redirect(302, "/moved"));
    upstream.on("GET", "/moved", Reply::json(200, &json!({})));
    let mut mesh = Mesh::with(EgressConfig::default(), config, None);
    mesh.provider.base_url = upstream.url().to_owned();
    mesh.provider.allowed_hosts = vec!["127.0.0.1".to_owned()];
    let _subscriber = tracing::dispatcher::set_default(&mesh.telemetry.dispatch());
    let the_tool = tool("GET", "/items/{id}").parameter("id", Location::Path, Style::Simple, false);
    assert_eq!(mesh.call(&the_tool, json!({"id": "hunter2"})).await.error, None);

    let sent: Vec<String> = upstream
        .requests()
        .iter()
        .map(|request| request.header("traceparent").unwrap().to_owned())
        .collect();
    let execute = receiver
        .wait_for(Duration::from_secs(20), |span| span.name == "ExecuteTool")
        .await
        .unwrap();
    let spans = receiver.trace(&execute.trace_id);
    assert_eq!(execute.attributes["tool.name"], json!("acme_do"));
    assert_eq!(execute.attributes["tool.provider"], json!("acme"));
    let mut hops: Vec<_> = spans
        .iter()
        .filter(|span| span.parent_span_id == execute.span_id)
        .collect();
    hops.sort_by_key(|span| span.start_unix_nanos);
    assert_eq!(hops.len(), 2);
    for (hop, traceparent) in hops.iter().zip(&sent) {
        assert!(
            traceparent.starts_with(&format!("00-{}-{}", hop.trace_id, hop.span_id)),
            "{traceparent}"
        );
        assert_eq!(hop.attributes["server.address"], json!("127.0.0.1"));
    }
    assert_eq!(hops[0].name, "GET /items/{id}");
    assert_eq!(hops[0].attributes["http.response.status_code"], json!(302));
    assert_eq!(hops[1].attributes["http.request.resend_count"], json!(1));
    assert!(!format!("{spans:?}").contains("hunter2"), "{spans:?}");
}
