//! Who decides which traces are kept: the service where one begins, or the collector.

use anyhow::{Context, Result, ensure};
use e2e::{PATIENCE, Setup, Shop, Trace};
use serde_json::json;

on_both!(
    with_head_the_share_decides_and_a_callers_decision_wins,
    with_tail_every_span_is_sent_with_what_a_collector_decides_by,
);

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A share of nothing, in this mode.
fn nothing(setup: Setup, mode: &str) -> Setup {
    setup
        .with_variable("TRACING_MODE", mode)
        .with_variable("TRACING_SAMPLE_RATE", "0")
}

async fn with_head_the_share_decides_and_a_callers_decision_wins(setup: Setup) -> Result<()> {
    let (mut mesh, shop) = (nothing(setup, "head").start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let client = mesh.stateless_mcp(&key)?;
    client.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
    client.call(Shop::BREAK, &json!({})).await?;
    let meta = json!({"traceparent": format!("00-{TRACE_ID}-{PARENT}-01")});
    let call = json!({"name": Shop::GET_ITEM, "arguments": {"id": 2}, "_meta": meta});
    client.result("tools/call", call).await?;
    mesh.stop(PATIENCE).await?;
    let spans = mesh.otlp().spans();
    ensure!(!spans.is_empty(), "the caller's trace is not there");
    ensure!(spans.iter().all(|span| span.trace_id == TRACE_ID), "{spans:#?}");
    Ok(())
}

async fn with_tail_every_span_is_sent_with_what_a_collector_decides_by(setup: Setup) -> Result<()> {
    let (mesh, shop) = (nothing(setup, "tail").start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let client = mesh.stateless_mcp(&key)?;
    let call = |tool: &str, arguments| json!({"name": tool, "arguments": arguments});
    let trace_of = async |call| {
        let answer = client.request("tools/call", call).await?;
        answer.header("x-trace-id").context("no trace id")
    };
    let good = trace_of(call(Shop::GET_ITEM, json!({"id": 1}))).await?;
    let bad = trace_of(call(Shop::BREAK, json!({}))).await?;
    let wanted = [("mcp-server", "POST /mcp"), ("mcp-server", "ExecuteTool")];
    for (id, is_error) in [(&good, false), (&bad, true)] {
        let trace = Trace::whole(mesh.otlp(), id, "", PATIENCE, &wanted).await?;
        let errors = trace.spans().iter().filter(|span| span.status == "error").count();
        ensure!((errors > 0) == is_error, "{}", trace.drawn());
        let timed = trace
            .spans()
            .iter()
            .all(|span| span.end_unix_nanos > span.start_unix_nanos);
        ensure!(timed, "{}", trace.drawn());
    }
    Ok(())
}
