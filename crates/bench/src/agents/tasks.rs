//! Tasks from creation to completion: agents of the SDK do them at once, so what is measured is the mesh.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use devmesh_agent::{Mesh as Way, Task};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use test_support::{Postgres, eventually};

use super::Fleet;
use crate::Options;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::stats::percentile_ms;
use crate::worker::services::Services;

const AGENTS: usize = 8;
const CAPACITY: u32 = 64;
/// Requests for tasks that are under way at once.
const ASKING: usize = 32;
/// What the services have said to PostgreSQL.
const STATEMENTS: &str = "SELECT SUM(calls)::float8 FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = 'mesh')";
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) async fn run(options: &Options) -> Result<Value> {
    let (tasks, single) = if options.quick { (100, 10) } else { (5_000, 300) };
    let devmesh = built(&options.devmesh)?;
    let mesh = Mesh::start(&devmesh, Signals::On, Data::fresh()?).await?;
    let key = mesh.agent("tasks").await?;
    let embedded = measure(&mesh.mcp, &key, tasks, single).await?;
    drop(mesh);
    let postgres = Postgres::start_counting_statements().await?;
    let services = Services::bare(&devmesh, &postgres).await?;
    let (_worker, (_edge, url)) = (services.worker().await?, services.edge().await?);
    let key = services.agent("tasks").await?;
    let mut counting = PgConnection::connect(&postgres.admin_url()).await?;
    sqlx::raw_sql("CREATE EXTENSION pg_stat_statements")
        .execute(&mut counting)
        .await?;
    let mut apart = measure(&url, &key, tasks, single).await?;
    let statements: f64 = sqlx::query_scalar(STATEMENTS).fetch_one(&mut counting).await?;
    apart["statements_per_task"] = (statements / (tasks + single) as f64).into();
    Ok(json!({ "tasks": tasks, "agents": AGENTS, "embedded": embedded, "apart": apart }))
}

async fn measure(url: &str, key: &str, tasks: usize, single: usize) -> Result<Value> {
    let done = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&done);
    let quick = move |task: Task| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(json!(task.fence())) }
    };
    let made = |builder: devmesh_agent::Builder| builder.capacity(CAPACITY).on("quick", quick.clone());
    let fleet = Fleet::start(url, key, AGENTS, made).await?;
    warm(&fleet.ways[0]).await?;
    let mut each = Vec::new();
    for _ in 0..single {
        let began = Instant::now();
        let id = create(&fleet.ways[0]).await?;
        let task = fleet.ways[0].task_end(&id, PATIENCE).await?;
        ensure!(task["state"] == "completed", "{task}");
        each.push(began.elapsed());
    }
    each.sort();
    done.store(0, Ordering::Relaxed);
    let began = Instant::now();
    let asking = stream::iter(0..tasks).map(|number| create(&fleet.ways[number % AGENTS]));
    let ids: Vec<String> = asking.buffer_unordered(ASKING).try_collect().await?;
    let created = began.elapsed();
    let all = || async {
        let count = done.load(Ordering::Relaxed);
        ensure!(count >= tasks, "{count} of {tasks} are done");
        anyhow::Ok(())
    };
    eventually(PATIENCE, all).await?;
    // The last answers are on their way.
    for id in ids.iter().rev().take(AGENTS * 2) {
        fleet.ways[0].task_end(id, PATIENCE).await?;
    }
    Ok(json!({
        "created_per_second": tasks as f64 / created.as_secs_f64(),
        "done_per_second": tasks as f64 / began.elapsed().as_secs_f64(),
        "one_p50_ms": percentile_ms(&each, 0.5),
        "one_p99_ms": percentile_ms(&each, 0.99),
    }))
}

/// Waits until agents take tasks: they do from their first heartbeat on.
async fn warm(way: &Way) -> Result<()> {
    let id = create(way).await?;
    way.task_end(&id, PATIENCE).await?;
    Ok(())
}

async fn create(way: &Way) -> Result<String> {
    let task = way.create_task(json!({ "type": "quick" })).await?;
    Ok(task["id"].as_str().unwrap_or_default().to_owned())
}
