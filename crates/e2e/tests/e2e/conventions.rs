//! Spans say what OpenTelemetry's semantic conventions want of them, and the guides' own attributes beside it.

use anyhow::{Context, Result, ensure};
use e2e::{PATIENCE, Service, Setup, Shape, Shop, Trace};
use serde_json::{Value, json};
use test_support::{ReceivedSpan, Reply};

on_both!(
    a_call_has_the_attributes_of_mcp_genai_and_http,
    a_failed_call_says_in_which_way_the_caller_was_told,
    a_job_has_the_attributes_of_messaging_rpc_and_databases,
    the_attempts_of_a_retried_job_are_one_tree_and_linked,
);

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn meta() -> Value {
    json!({ "traceparent": format!("00-{TRACE_ID}-{PARENT}-01") })
}

/// That the span has these attributes.
fn has(span: &ReceivedSpan, wanted: &Value) -> Result<()> {
    for (name, value) in wanted.as_object().context("an object")? {
        ensure!(
            span.attributes.get(name) == Some(value),
            "{name} is not {value} in {span:#?}"
        );
    }
    Ok(())
}

async fn a_call_has_the_attributes_of_mcp_genai_and_http(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let call = json!({ "name": Shop::GET_ITEM, "arguments": {"id": 3}, "_meta": meta() });
    mesh.stateless_mcp(&key)?.result("tools/call", call).await?;
    let wanted = [("mcp-server", "tools/call"), ("mcp-server", "GET /items/{id}")];
    let trace = Trace::whole(mesh.otlp(), TRACE_ID, PARENT, PATIENCE, &wanted).await?;
    let call = trace.span("mcp-server", "tools/call").context("no call")?;
    ensure!(
        call.name == format!("tools/call {}", Shop::GET_ITEM) && call.kind == "server",
        "{call:?}"
    );
    has(
        call,
        &json!({
            "mcp.method.name": "tools/call",
            "mcp.protocol.version": "2026-07-28",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": Shop::GET_ITEM,
            "network.transport": "tcp",
            "network.protocol.name": "http",
        }),
    )?;
    ensure!(call.attributes.contains_key("jsonrpc.request.id"), "{call:?}");
    ensure!(call.attributes.contains_key("tenant.id"), "{call:?}");
    ensure!(
        call.status == "unset" && !call.attributes.contains_key("error.type"),
        "{call:?}"
    );
    // Its parent is the caller's span; the HTTP request around it has a trace of its own, and is linked.
    let [(http_trace, http_span)] = &call.links[..] else {
        anyhow::bail!("not one link: {call:?}")
    };
    let is_around = |span: &ReceivedSpan| span.trace_id == *http_trace && span.span_id == *http_span;
    let http = mesh.otlp().wait_for(PATIENCE, is_around).await?;
    has(
        &http,
        &json!({ "http.request.method": "POST", "http.route": "/mcp", "http.response.status_code": 200,
            "url.scheme": "http", "url.path": "/mcp", "network.protocol.version": "1.1" }),
    )?;
    let execution = trace.span("mcp-server", "ExecuteTool").context("no execution")?;
    has(
        execution,
        &json!({ "tool.name": Shop::GET_ITEM, "tool.provider": "shop", "gen_ai.operation.name": "execute_tool",
            "tenant.id": call.attributes["tenant.id"] }),
    )?;
    let request = trace
        .span("mcp-server", "GET /items/{id}")
        .context("no request")?;
    has(
        request,
        &json!({ "http.request.method": "GET", "http.response.status_code": 200, "url.template": "/items/{id}",
            "server.address": "127.0.0.1", "network.protocol.version": "1.1" }),
    )
}

async fn a_failed_call_says_in_which_way_the_caller_was_told(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let agent = mesh.stateless_mcp(&key)?;
    let broken = json!({ "name": Shop::BREAK, "arguments": {}, "_meta": meta() });
    ensure!(agent.result("tools/call", broken).await?["isError"] == true);
    let unknown = json!({ "name": "shop_nothing", "arguments": {}, "_meta": meta() });
    ensure!(agent.result("tools/call", unknown).await.is_err());
    let wanted = [
        ("mcp-server", "tools/call shop_break"),
        ("mcp-server", "tools/call shop_nothing"),
        ("mcp-server", "GET /break"),
    ];
    let trace = Trace::whole(mesh.otlp(), TRACE_ID, PARENT, PATIENCE, &wanted).await?;
    let find = |name: &str| trace.span("mcp-server", name).context(name.to_owned());
    let broken = find("tools/call shop_break")?;
    has(
        broken,
        &json!({ "error.type": "tool_error", "error.kind": "upstream_failed" }),
    )?;
    ensure!(
        !broken.attributes.contains_key("rpc.response.status_code"),
        "{broken:?}"
    );
    let unknown = find("tools/call shop_nothing")?;
    has(
        unknown,
        &json!({ "error.type": "-32602", "rpc.response.status_code": "-32602", "error.kind": "unknown_tool" }),
    )?;
    let request = find("GET /break")?;
    has(
        request,
        &json!({ "error.type": "500", "http.response.status_code": 500 }),
    )?;
    for span in [broken, unknown, request] {
        ensure!(span.status == "error", "{span:?}");
    }
    Ok(())
}

async fn a_job_has_the_attributes_of_messaging_rpc_and_databases(setup: Setup) -> Result<()> {
    let (broker, database) = match setup.shape() {
        Shape::Up => ("in_memory", "sqlite"),
        Shape::Cluster => ("rabbitmq", "postgresql"),
    };
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let id = read_as_job(&mesh, &key, 4).await?;
    let call = "devmesh.v1.JobService/EndMany";
    let wanted = [
        ("worker", "attempt 1"),
        ("rest-api", "send "),
        ("worker", "process "),
        ("worker", call),
        ("rest-api", call),
    ];
    let trace = Trace::whole(mesh.otlp(), TRACE_ID, PARENT, PATIENCE, &wanted).await?;
    for (service, name, operation) in [("rest-api", "send ", "send"), ("worker", "process ", "process")] {
        let span = trace.span(service, name).context(name)?;
        has(
            span,
            &json!({ "messaging.system": broker, "messaging.operation.name": operation,
                "messaging.operation.type": operation, "messaging.message.id": id }),
        )?;
    }
    let attempt = trace.span("worker", "attempt 1").context("no attempt")?;
    has(
        attempt,
        &json!({ "job.id": id, "job.type": "tool_call", "job.attempt": 1 }),
    )?;
    for (service, kind) in [("worker", "client"), ("rest-api", "server")] {
        let is_claim =
            |span: &&ReceivedSpan| span.service == service && span.kind == kind && span.name == call;
        let claim = trace.spans().iter().find(is_claim).context("no call")?;
        has(
            claim,
            &json!({ "rpc.system.name": "grpc", "rpc.method": claim.name, "rpc.response.status_code": "OK" }),
        )?;
    }
    let query = trace.span("rest-api", "enqueue jobs").context("no query")?;
    has(
        query,
        &json!({ "db.system.name": database, "db.operation.name": "enqueue", "db.collection.name": "jobs",
            "db.query.summary": "enqueue jobs" }),
    )
}

async fn the_attempts_of_a_retried_job_are_one_tree_and_linked(setup: Setup) -> Result<()> {
    let setup = setup.set(Service::RestApi, "jobs.sweep_interval", "200ms");
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let answer = Reply::json(200, &json!({"id": 5, "name": "lamp"}));
    shop.upstream()
        .on_each("GET", "/items/5", vec![Reply::status(503), answer]);
    read_as_job(&mesh, &key, 5).await?;
    let wanted = [("worker", "attempt 1"), ("worker", "attempt 2")];
    let trace = Trace::whole(mesh.otlp(), TRACE_ID, PARENT, PATIENCE, &wanted).await?;
    let attempt = |name: &str| trace.span("worker", name).context("no attempt");
    let (first, second) = (attempt("attempt 1")?, attempt("attempt 2")?);
    ensure!(
        first.status == "error" && second.status == "unset",
        "{}",
        trace.drawn()
    );
    let linked = [(TRACE_ID.to_owned(), first.span_id.clone())];
    ensure!(second.links == linked, "{second:?}");
    for attempt in [first, second] {
        let root = trace
            .ancestors(attempt)
            .into_iter()
            .next_back()
            .context("no root")?;
        ensure!(
            root.name == "POST /api/v1/tools/{name}/calls",
            "{}",
            trace.drawn()
        );
    }
    Ok(())
}

/// Reads an item as a job, under the trace, and waits for it; answers its id.
async fn read_as_job(mesh: &e2e::Mesh, key: &str, item: u64) -> Result<String> {
    let path = format!("/tools/{}/calls?mode=async", Shop::GET_ITEM);
    let asked = mesh.api(key)?.request(http::Method::POST, &path);
    let answer = asked
        .header("traceparent", &format!("00-{TRACE_ID}-{PARENT}-01"))
        .json(&json!({"arguments": {"id": item}}))
        .send()
        .await?;
    ensure!(answer.status == 202, "{}", answer.text());
    let job = answer.json()?;
    let done = mesh.api(key)?.finished(&job).await?;
    ensure!(done["state"] == "done", "{done}");
    Ok(job["id"].as_str().context("no id")?.to_owned())
}
