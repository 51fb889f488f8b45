//! `X-Debug-Trace: true` on one call: its trace and its debug lines from every service, and nobody else's.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e::{PATIENCE, Setup, Shop};
use serde_json::{Value, json};
use test_support::eventually;

on_both!(one_calls_debug_lines_and_spans_come_from_every_service_and_no_others);

/// What each service says of such a call and its job.
const WANTED: [(&str, &str); 3] = [
    ("mcp-server", "tool_call_started"),
    ("rest-api", "database_query_completed"),
    ("worker", "job_started"),
];

async fn one_calls_debug_lines_and_spans_come_from_every_service_and_no_others(setup: Setup) -> Result<()> {
    let quiet = setup.with_variable("TRACING_SAMPLE_RATE", "0");
    let (mesh, shop) = (quiet.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let client = mesh.stateless_mcp(&key)?;
    let meta = json!({"io.devmesh/async": true, "tracestate": "devmesh=debug"});
    let call = json!({"name": Shop::ADD_ITEM, "arguments": {"name": "lamp"}, "_meta": meta});
    client.result("tools/call", call.clone()).await?;
    let headers = [("x-debug-trace", "true"), ("x-request-id", "look-closely")];
    let answer = client.request_with("tools/call", call.clone(), &headers).await?;
    let trace = answer.header("x-trace-id").context("no trace id")?;
    answer.result()?;
    client.result("tools/call", call).await?;
    eventually(PATIENCE, || async {
        ensure!(
            shop.additions().len() == 3,
            "{} additions",
            shop.additions().len()
        );
        let seen = debug_lines(&mesh.stdout_lines());
        for (service, event) in WANTED {
            let is_it = |line: &&Value| {
                line["service"] == service && line["event"] == event && line["trace_id"] == trace.as_str()
            };
            ensure!(
                seen.iter().any(|line| is_it(&line)),
                "no {event} of {service} in {seen:#?}"
            );
        }
        let services: BTreeSet<_> = mesh
            .otlp()
            .trace(&trace)
            .into_iter()
            .map(|span| span.service)
            .collect();
        ensure!(services.len() == 3, "{services:?}");
        Ok(())
    })
    .await?;
    let lines = debug_lines(&mesh.stdout_lines());
    let others: Vec<_> = lines
        .iter()
        .filter(|line| line["trace_id"] != trace.as_str())
        .collect();
    ensure!(others.is_empty(), "{others:#?}");
    ensure!(
        lines.iter().any(|line| line["correlation_id"] == "look-closely"),
        "{lines:#?}"
    );
    let spans = mesh.otlp().spans();
    ensure!(spans.iter().all(|span| span.trace_id == trace), "{spans:#?}");
    Ok(())
}

fn debug_lines(lines: &[String]) -> Vec<Value> {
    let parsed = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|line| line["level"] == "DEBUG").collect()
}
