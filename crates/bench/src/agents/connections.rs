//! Many agents that are connected and say that they are there: memory, processor time, and how soon one is told.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use devmesh_agent::Message;
use serde_json::{Value, json};
use test_support::eventually;
use tokio::sync::mpsc;
use tokio::time::timeout;

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
    let (note, mut arrived) = mpsc::unbounded_channel();
    let fleet = Fleet::start(&url, &key, count, |builder| {
        let note = note.clone();
        let reader = move |message: Message| {
            let _ = note.send((Instant::now(), message.raw_body()["number"].as_u64()));
            std::future::ready(())
        };
        builder
            .heartbeat(HEARTBEAT)
            .capability("nothing")
            .on_message(reader)
    });
    let fleet = fleet.await?;
    let all_here = || async {
        let here = mesh.agents_here().await?;
        ensure!(here >= count, "{here} of {count} agents are here");
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
    let mut told = Vec::new();
    for number in 0..requests {
        let way = &fleet.ways[number * 7 % count];
        let to = format!("bench-{}", (number * 7 + count / 2) % count);
        let began = Instant::now();
        let message = json!({ "to": { "agent": to }, "body": { "number": number } });
        way.send_message(message).await?;
        let (at, of) = timeout(PATIENCE, arrived.recv())
            .await?
            .context("no agent is there")?;
        ensure!(
            of == u64::try_from(number).ok(),
            "{of:?} arrived where {number} was due"
        );
        told.push(at.duration_since(began));
    }
    each.sort();
    told.sort();
    Ok(json!({
        "connections": count,
        "opened_in_seconds": opened.as_secs_f64(),
        "kb_each": (after - before) * 1_024.0 / count as f64,
        "cores_with_heartbeats": cpu,
        "heartbeats_per_second": count as f64 * 3.0 / HEARTBEAT.as_secs_f64(),
        "request_p50_ms": percentile_ms(&each, 0.5),
        "request_p99_ms": percentile_ms(&each, 0.99),
        "message_p50_ms": percentile_ms(&told, 0.5),
        "message_p99_ms": percentile_ms(&told, 0.99),
    }))
}
