//! Traces of what was under way when its process was killed.

use anyhow::{Context, Result, ensure};
use e2e::{Mesh, PATIENCE, Service, Setup, Shape, Shop, Wholeness};
use serde_json::{Value, json};
use test_support::{Gate, Reply, eventually};
use tokio::task::JoinSet;

on_both!(
    a_trace_stays_one_tree_whichever_of_its_services_is_killed,
    without_the_journal_a_kill_tears_traces_and_the_verdict_says_so,
);

async fn a_trace_stays_one_tree_whichever_of_its_services_is_killed(setup: Setup) -> Result<()> {
    let (mesh, verdict) = kill_them_all(setup).await?;
    ensure!(
        verdict.broken.is_empty() && verdict.traces > 3,
        "{:#?}",
        verdict.broken
    );
    let spans = mesh.otlp().spans();
    for name in ["ExecuteTool", "process tool_call"] {
        let killed = |span: &&test_support::ReceivedSpan| {
            span.attributes.get("error.type") == Some(&json!("process.killed"))
        };
        ensure!(
            spans.iter().filter(killed).any(|span| span.name == name),
            "no `{name}` that was cut off"
        );
    }
    Ok(())
}

async fn without_the_journal_a_kill_tears_traces_and_the_verdict_says_so(setup: Setup) -> Result<()> {
    let setup = setup.with_variable("DEVMESH_TRACING__JOURNAL_BYTES", "0");
    let (_, verdict) = kill_them_all(setup).await?;
    let orphans = verdict.broken.values().flatten();
    ensure!(
        orphans.clone().any(|fault| fault.starts_with("orphan")) && verdict.percent() < 99.9,
        "{verdict:?}"
    );
    Ok(())
}

/// Kills each service in the middle of a call, a job and a request that waits for it; the verdict at the end of all.
async fn kill_them_all(setup: Setup) -> Result<(Mesh, Wholeness)> {
    let shape = setup.shape();
    let (mut mesh, shop) = (setup.with_short_leases().start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let found = Reply::json(200, &json!({"id": 5, "name": "lamp"}));
    let killed = match shape {
        Shape::Up => &[Service::RestApi][..],
        Shape::Cluster => &Service::ALL,
    };
    for (number, service) in (1..).zip(killed) {
        let path = format!("/items/{number}");
        let gate = Gate::new();
        shop.upstream().on("GET", &path, found.clone().held_by(&gate));
        let agent = mesh.api(&key)?;
        let job = agent.call_async(Shop::GET_ITEM, &json!({"id": number})).await?;
        let mut waiting = JoinSet::new();
        let client = mesh.mcp(&key).await?;
        let arguments = json!({"id": number});
        waiting.spawn(async move { client.call(Shop::GET_ITEM, &arguments).await.map(drop) });
        let waits = format!("/jobs/{}?wait_seconds=30", job["id"].as_str().context("no id")?);
        waiting.spawn(async move { agent.get(&waits).await.map(drop) });
        let under_way = || async {
            let asked = shop.upstream().requests_to(&path).len();
            ensure!(asked == 2, "asked {asked} times");
            sent_with_an_open_parent(&mesh, *service)
        };
        eventually(PATIENCE, under_way).await?;
        mesh.kill(*service).await?;
        mesh.start_again(*service).await?;
        gate.open();
        let done = mesh.api(&key)?.finished(&job).await?;
        ensure!(done["state"] == "done", "{done}");
        waiting.shutdown().await;
    }
    let records = mesh.admin()?.get("/audit?limit=200").await?;
    let records: Vec<Value> = records["items"].as_array().context("no records")?.clone();
    mesh.stop(PATIENCE).await?;
    let verdict = Wholeness::of(mesh.otlp(), &records);
    Ok((mesh, verdict))
}

/// Whether spans were sent whose parent is an open span of `service`.
fn sent_with_an_open_parent(mesh: &Mesh, service: Service) -> Result<()> {
    let verdict = Wholeness::of(mesh.otlp(), &[]);
    let told = format!("({})", service.name());
    let orphans = verdict.broken.values().flatten();
    let below = match service {
        // What rest-api answered to the worker hangs below the worker's span.
        Service::Worker => "(rest-api)",
        Service::RestApi => &told,
        // Of a call that waits for its upstream, and has its credential, nothing has ended.
        Service::McpServer => return Ok(()),
    };
    ensure!(orphans.clone().any(|fault| fault.contains(below)), "{verdict:?}");
    Ok(())
}
