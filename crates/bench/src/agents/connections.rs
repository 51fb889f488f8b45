//! Many agents that are connected and say that they are there: memory, processor time, and how soon one is told.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_support::eventually;

use super::Fleet;
use crate::Options;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::stats::percentile_ms;

/// An agent is missed after so long, and heard three times as often.
const HEARTBEAT: Duration = Duration::from_secs(90);
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) async fn run(options: &Options) -> Result<Value> {
    let (count, watched, requests) = if options.quick {
        (100, 2.0, 50)
    } else {
        (10_000, 60.0, 2_000)
    };
    let mesh = Mesh::start(&built(&options.devmesh)?, Signals::Off, Data::fresh()?).await?;
    let key = mesh.agent("many").await?;
    let before = mesh.resident_mb()?;
    let began = Instant::now();
    let url = mesh.mcp.clone();
    let fleet = Fleet::start(&url, &key, count, |builder| {
        builder.heartbeat(HEARTBEAT).capability("nothing")
    });
    let fleet = fleet.await?;
    let all_here = || async {
        let here = mesh.agents_here().await?;
        anyhow::ensure!(here >= count, "{here} of {count} agents are here");
        anyhow::Ok(())
    };
    eventually(PATIENCE, all_here)
        .await
        .context("not all agents are here")?;
    let opened = began.elapsed();
    let cpu = mesh.cpu_seconds()?;
    tokio::time::sleep(Duration::from_secs_f64(watched)).await;
    let cpu = (mesh.cpu_seconds()? - cpu) / watched;
    let after = mesh.resident_mb()?;
    let mut each = Vec::new();
    for number in 0..requests {
        let way = &fleet.ways[number * 7 % count];
        let began = Instant::now();
        way.ask_repeatedly("ping", json!({})).await?;
        each.push(began.elapsed());
    }
    each.sort();
    Ok(json!({
        "connections": count,
        "opened_in_seconds": opened.as_secs_f64(),
        "kb_each": (after - before) * 1_024.0 / count as f64,
        "cores_with_heartbeats": cpu,
        "heartbeats_per_second": count as f64 * 3.0 / HEARTBEAT.as_secs_f64(),
        "request_p50_ms": percentile_ms(&each, 0.5),
        "request_p99_ms": percentile_ms(&each, 0.99),
    }))
}
