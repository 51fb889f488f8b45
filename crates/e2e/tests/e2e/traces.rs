//! One agent action is one trace.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result, ensure};
use e2e::{PATIENCE, Setup, Shop, Trace};
use serde_json::json;
use test_support::{ReceivedSpan, Recorded};

use crate::tour;

on_both!(
    a_task_is_one_trace_from_the_agent_to_the_api,
    a_call_is_one_trace_from_the_agent_to_the_api,
    a_job_asked_for_over_http_is_one_trace_from_the_caller_to_the_api,
    after_an_orderly_end_every_span_has_been_sent,
);

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

async fn a_task_is_one_trace_from_the_agent_to_the_api(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let meta = json!({"io.devmesh/async": true, "traceparent": format!("00-{TRACE_ID}-{PARENT}-01")});
    let call = json!({"name": Shop::ADD_ITEM, "arguments": {"name": "table"}, "_meta": meta});
    let agent = mesh.stateless_mcp(&key)?;
    let created = agent.result("tools/call", call).await?;
    ensure!(created["resultType"] == "task", "{created}");
    let task = json!({"taskId": created["taskId"]});
    let done = || async {
        let task = agent.result("tasks/get", task.clone()).await?;
        ensure!(task["status"] == "completed", "{task}");
        anyhow::Ok(task)
    };
    let task = test_support::eventually(PATIENCE, done).await?;
    ensure!(task["result"]["structuredContent"]["name"] == "table", "{task}");

    let call = format!("tools/call {}", Shop::ADD_ITEM);
    let wanted = [
        ("mcp-server", call.as_str()),
        ("rest-api", "send "),
        ("worker", "process tool_call"),
        ("worker", "ExecuteTool"),
        ("worker", "POST /items"),
    ];
    let trace = Trace::whole(mesh.otlp(), TRACE_ID, PARENT, PATIENCE, &wanted).await?;
    ensure!(
        trace
            .services()
            .into_iter()
            .eq(["mcp-server", "rest-api", "worker"]),
        "{}",
        trace.drawn()
    );
    let [addition] = &shop.additions()[..] else {
        anyhow::bail!("{:?}", shop.additions())
    };
    let path = names_above(&trace, addition)?;
    let in_order = [
        "POST /items",
        "ExecuteTool",
        "process tool_call",
        "send ",
        "tools/call",
    ];
    ensure!(are_in_order(&path, &in_order), "{path:?} in\n{}", trace.drawn());
    let kinds = [
        ("rest-api", "send ", "producer"),
        ("worker", "process ", "consumer"),
        ("worker", "POST", "client"),
    ];
    for (service, name, kind) in kinds {
        let span = trace.span(service, name).context(name)?;
        ensure!(span.kind == kind, "{span:?}");
    }
    Ok(())
}

async fn a_call_is_one_trace_from_the_agent_to_the_api(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let meta = json!({"traceparent": format!("00-{TRACE_ID}-{PARENT}-01")});
    let call = json!({"name": Shop::GET_ITEM, "arguments": {"id": 3}, "_meta": meta});
    mesh.mcp(&key).await?.result("tools/call", call).await?;
    let wanted = [
        ("mcp-server", "tools/call"),
        ("mcp-server", "ExecuteTool"),
        ("mcp-server", "GET /items/{id}"),
    ];
    let trace = Trace::whole(mesh.otlp(), TRACE_ID, PARENT, PATIENCE, &wanted).await?;
    let [request] = &shop.upstream().requests_to("/items/3")[..] else {
        anyhow::bail!("not one request")
    };
    let path = names_above(&trace, request)?;
    ensure!(
        are_in_order(&path, &["GET /items/{id}", "ExecuteTool", "tools/call"]),
        "{}",
        trace.drawn()
    );
    let execution = trace.span("mcp-server", "ExecuteTool").context("no span")?;
    ensure!(
        execution.attributes["tool.name"] == Shop::GET_ITEM,
        "{execution:?}"
    );
    ensure!(execution.attributes["tool.provider"] == "shop", "{execution:?}");
    Ok(())
}

async fn a_job_asked_for_over_http_is_one_trace_from_the_caller_to_the_api(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let path = format!("/tools/{}/calls?mode=async", Shop::ADD_ITEM);
    let asked = mesh.api(&key)?.request(http::Method::POST, &path);
    let answer = asked
        .header("traceparent", &format!("00-{TRACE_ID}-{PARENT}-01"))
        .json(&json!({"arguments": {"name": "chair"}}))
        .send()
        .await?;
    ensure!(answer.status == 202, "{}", answer.text());
    let wanted = [
        ("rest-api", "POST /api/v1/tools/{name}/calls"),
        ("rest-api", "send "),
        ("worker", "process tool_call"),
        ("worker", "POST /items"),
    ];
    let trace = Trace::whole(mesh.otlp(), TRACE_ID, PARENT, PATIENCE, &wanted).await?;
    let [addition] = &shop.additions()[..] else {
        anyhow::bail!("{:?}", shop.additions())
    };
    let path = names_above(&trace, addition)?;
    let in_order = ["POST /items", "process tool_call", "send ", "POST /api/v1/tools"];
    ensure!(are_in_order(&path, &in_order), "{path:?} in\n{}", trace.drawn());
    Ok(())
}

async fn after_an_orderly_end_every_span_has_been_sent(setup: Setup) -> Result<()> {
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    tour::take(&mesh, &shop).await?;
    mesh.stop(PATIENCE).await?;
    let spans = mesh.otlp().spans();
    ensure!(spans.len() > 100, "only {} spans", spans.len());
    let known: HashSet<_> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let is_orphan = |span: &&ReceivedSpan| {
        let parent = span.parent_span_id.as_str();
        !parent.is_empty() && !known.contains(parent)
    };
    let orphans: BTreeSet<_> = spans
        .iter()
        .filter(is_orphan)
        .map(|span| (&span.service, &span.name))
        .collect();
    ensure!(orphans.is_empty(), "their parents were never sent: {orphans:?}");
    let by_itself = spans
        .iter()
        .filter(|span| span.parent_span_id.is_empty() && span.attributes.contains_key("db.system.name"));
    let by_itself: BTreeSet<_> = by_itself.map(|span| &span.name).collect();
    ensure!(
        by_itself.is_empty(),
        "statements that nobody asked for: {by_itself:?}"
    );
    Ok(())
}

/// The names of the spans from the one that sent this request up to the root.
fn names_above(trace: &Trace, request: &Recorded) -> Result<Vec<String>> {
    let sent = request.header("traceparent").context("no traceparent")?;
    let parts: Vec<&str> = sent.split('-').collect();
    ensure!(parts.get(1) == Some(&TRACE_ID), "{sent}");
    let span = trace
        .by_id(parts[2])
        .with_context(|| format!("{sent} is no span of\n{}", trace.drawn()))?;
    let spans = std::iter::once(span).chain(trace.ancestors(span));
    Ok(spans.map(|span| span.name.clone()).collect())
}

/// Whether names that begin so stand in `path` in this order, others between them.
fn are_in_order(path: &[String], beginnings: &[&str]) -> bool {
    let mut names = path.iter();
    beginnings
        .iter()
        .all(|begin| names.any(|name| name.starts_with(begin)))
}
