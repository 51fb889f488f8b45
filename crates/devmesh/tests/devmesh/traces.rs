//! `devmesh trace`, against the memory of `devmesh up` and against what Jaeger and Tempo answer.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use test_support::http::Request;
use test_support::{Reply, Upstream, eventually};

use crate::mesh::{Mesh, PATIENCE, Said, run};

/// Asks rest-api for a job, as `request_id`; answers the trace id.
async fn job(mesh: &Mesh, request_id: &str) -> Result<String> {
    let running: Value = serde_json::from_str(&std::fs::read_to_string(mesh.data().join("running.json"))?)?;
    let key = std::fs::read_to_string(mesh.data().join("bootstrap.key"))?;
    let api = running["api_url"].as_str().context("no address")?;
    let url = format!("{api}api/v1/tools/mesh_whoami/calls");
    let asked = Request::new(::http::Method::POST, &url)
        .header("authorization", &format!("Bearer {}", key.trim()))
        .header("x-request-id", request_id)
        .json(&json!({ "arguments": {} }));
    let answer = asked.send().await?;
    ensure!(answer.status == 202, "{}", answer.text());
    Ok(answer.header("x-trace-id").context("no trace id")?.to_owned())
}

/// The trace's tree, once the job has ended and its worker is done with it.
async fn shown(mesh: &Mesh, id: &str) -> Result<Said> {
    let show = || async {
        let said = mesh.run(&["trace", "show", id])?;
        let is_over = ["end_many jobs", "process tool_call"]
            .iter()
            .all(|last| said.stdout.contains(last));
        ensure!(is_over, "{}{}", said.stdout, said.stderr);
        anyhow::Ok(said)
    };
    eventually(PATIENCE, show).await
}

#[tokio::test]
async fn a_job_is_one_tree_that_its_request_id_finds() {
    let mesh = Mesh::up().await.unwrap();
    let trace_id = job(&mesh, "debug-123").await.unwrap();
    let said = shown(&mesh, "debug-123").await.unwrap();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stdout.starts_with(&format!("trace {trace_id}: ")),
        "{}",
        said.stdout
    );
    for line in [
        "rest-api  POST /api/v1/tools/{name}/calls",
        "rest-api  └ send devmesh.jobs.normal",
        "worker      └ process tool_call",
        "ExecuteTool",
    ] {
        assert!(said.stdout.contains(line), "no `{line}` in\n{}", said.stdout);
    }
    // The three ways to name it are the same.
    assert_eq!(mesh.run(&["trace", &trace_id]).unwrap().stdout, said.stdout);
    let traces = mesh.json(&["trace", "debug-123"]).unwrap();
    let root = &traces[0]["spans"][0];
    assert_eq!(traces[0]["trace_id"], trace_id.as_str());
    assert_eq!(root["attributes"]["correlation_id"], "debug-123");
    assert!(root["children"].as_array().unwrap().len() > 2, "{root}");
}

#[tokio::test]
async fn the_audit_counts_every_call_and_reading_traces_leaves_none() {
    let mesh = Mesh::up().await.unwrap();
    for _ in 0..5 {
        mesh.json(&["tools", "call", "mesh_whoami"]).unwrap();
    }
    job(&mesh, "audited").await.unwrap();
    let audited = || async {
        let audit = mesh.json(&["trace", "audit", "--settle", "0s", "--all-sampled"])?;
        // Five calls, the job, and the import of the mesh's own API leaves no record.
        ensure!(audit["traces"] == 6, "{audit}");
        // A worker's span ends after its job has.
        ensure!(audit["whole"] == 6, "{audit}");
        anyhow::Ok(audit)
    };
    let audit = eventually(PATIENCE, audited).await.unwrap();
    assert_eq!(
        (&audit["whole"], &audit["percent_whole"]),
        (&json!(6), &json!(100.0)),
        "{audit}"
    );
    let kept = |mesh: &Mesh| mesh.json(&["trace", "show", "audited"]).unwrap().to_string();
    assert!(!kept(&mesh).contains("/api/v1/traces"));
    let none = mesh.run(&["trace", "show", "never-seen"]).unwrap();
    assert_eq!(none.code, 1);
    assert!(
        none.stderr
            .contains("no trace with the id or the request id `never-seen`"),
        "{}",
        none.stderr
    );
}

/// Makes calls and a job, kills the mesh in the middle of it, starts it again, and audits what it has until that is `wanted`.
async fn audited_after_a_kill(on_disk: bool, wanted: &str) -> Said {
    let on_disk = format!("traces.on_disk={on_disk}");
    // The job is taken up again soon.
    let soon = ["worker.jobs.lease=1s", "rest_api.jobs.sweep_interval=200ms"];
    let arguments = ["--set", &on_disk, "--set", soon[0], "--set", soon[1]];
    let mut mesh = Mesh::up_with(&arguments).await.unwrap();
    for _ in 0..3 {
        mesh.json(&["tools", "call", "mesh_whoami"]).unwrap();
    }
    job(&mesh, "cut-off").await.unwrap();
    mesh.process.kill().unwrap();
    mesh.process.exit_code(PATIENCE).await.unwrap();
    mesh.again(&arguments).await.unwrap();
    let told = || async {
        let said = mesh.run(&["trace", "audit", "--settle", "0s", "--all-sampled"])?;
        ensure!(said.stdout.contains(wanted), "{}{}", said.stdout, said.stderr);
        anyhow::Ok(said)
    };
    eventually(PATIENCE, told).await.unwrap()
}

#[tokio::test]
async fn after_a_kill_every_trace_is_still_there_and_whole() {
    let said = audited_after_a_kill(true, "100.00 % whole: 4 of 4 traces").await;
    assert_eq!(said.code, 0, "{}", said.stdout);
}

#[tokio::test]
async fn a_mesh_that_keeps_traces_in_memory_alone_fails_the_audit_after_a_kill() {
    let said = audited_after_a_kill(false, "of 4 traces").await;
    assert!(said.stdout.contains("missing: all of it"), "{}", said.stdout);
    assert_eq!(said.code, 1);
}

#[tokio::test]
async fn a_mesh_that_records_none_fails_the_audit() {
    let mesh = Mesh::up_with(&["--set", "traces.per_second=0"]).await.unwrap();
    mesh.json(&["tools", "call", "mesh_whoami"]).unwrap();
    let refused = || async {
        let said = mesh.run(&["trace", "audit", "--settle", "0s"])?;
        ensure!(
            said.stderr.contains("none of 1 calls has a trace"),
            "{}{}",
            said.stdout,
            said.stderr
        );
        anyhow::Ok(said)
    };
    assert_eq!(eventually(PATIENCE, refused).await.unwrap().code, 1);
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn jaeger_is_asked_for_the_request_id_and_then_for_the_trace() {
    let jaeger = Upstream::start().await.unwrap();
    let span = |id: &str, name: &str, parent: Option<&str>| {
        let parent = parent.map(|id| json!({ "refType": "CHILD_OF", "traceID": TRACE, "spanID": id }));
        json!({ "traceID": TRACE, "spanID": id, "operationName": name, "references": parent.into_iter().collect::<Vec<_>>(),
            "startTime": 1_700_000_000_000_000_u64, "duration": 1500, "processID": "p1", "logs": [], "warnings": null,
            "tags": [{ "key": "error", "type": "bool", "value": true }, { "key": "error.type", "type": "string", "value": "tool_error" }] })
    };
    let trace = json!({ "data": [{ "traceID": TRACE, "warnings": null,
        "spans": [span("00f067aa0ba902b7", "POST /mcp", None), span("00f067aa0ba902b8", "tools/call x", Some("00f067aa0ba902b7"))],
        "processes": { "p1": { "serviceName": "mcp-server", "tags": [] } } }], "errors": null });
    jaeger.on(
        "GET",
        "/api/services",
        Reply::json(200, &json!({ "data": ["mcp-server"] })),
    );
    jaeger.on("GET", "/api/traces", Reply::json(200, &trace));
    jaeger.on("GET", &format!("/api/traces/{TRACE}"), Reply::json(200, &trace));
    let dir = tempfile::tempdir().unwrap();
    let said = run(
        dir.path(),
        &["trace", "show", "debug-1"],
        &[("TRACE_QUERY_URL", jaeger.url())],
    )
    .unwrap();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stdout
            .contains("mcp-server  └ tools/call x  1.5 ms +0 µs  tool_error"),
        "{}",
        said.stdout
    );
    let searched = &jaeger.requests_to("/api/traces")[0];
    let tags = ("tags".to_owned(), r#"{"correlation_id":"debug-1"}"#.to_owned());
    assert!(
        searched.query_pairs().contains(&tags),
        "{:?}",
        searched.query_pairs()
    );
}

#[tokio::test]
async fn tempo_is_asked_in_traceql() {
    let tempo = Upstream::start().await.unwrap();
    let trace = json!({ "batches": [{ "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "worker" } }] },
        "scopeSpans": [{ "spans": [{ "traceId": "S/kvNXezTaajzpKdDg5HNg==", "spanId": "APBnqgupArc=", "name": "process tool_call",
            "kind": "SPAN_KIND_CONSUMER", "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000002000000" }] }] }] });
    tempo.on("GET", "/api/services", Reply::status(404));
    tempo.on("GET", "/api/echo", Reply::text(200, "echo"));
    tempo.on(
        "GET",
        "/api/search",
        Reply::json(200, &json!({ "traces": [{ "traceID": TRACE }] })),
    );
    tempo.on("GET", &format!("/api/traces/{TRACE}"), Reply::json(200, &trace));
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["trace", "show", "debug-1", "--trace-query-url", tempo.url()];
    let said = run(dir.path(), &arguments, &[]).unwrap();
    assert!(
        said.stdout.contains("worker  process tool_call  2.0 ms"),
        "{}{}",
        said.stdout,
        said.stderr
    );
    let asked = tempo.wait_for_requests(4, Duration::from_secs(1)).await.unwrap();
    let query = (
        "q".to_owned(),
        r#"{ span.correlation_id = "debug-1" }"#.to_owned(),
    );
    assert!(
        asked[2].query_pairs().contains(&query),
        "{:?}",
        asked[2].query_pairs()
    );
}
