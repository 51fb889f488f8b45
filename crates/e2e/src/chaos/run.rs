//! One run, from start to account.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use test_support::eventually;
use tokio::task::JoinSet;

use super::effects::{Effects, HELD};
use super::load::{Addresses, Call, Calls, Seen, held};
use super::{Entry, Kill, Ledger, Outcome, Plan};
use crate::{Api, Mesh, PATIENCE, Service, Setup, Shape, Shop};

/// Calls that are under way at once.
const CONCURRENCY: usize = 8;
/// The default of `drain`, and a little.
const DRAIN: Duration = Duration::from_secs(30);

/// Makes `calls` calls while the processes of `plan` are killed, ends the mesh with SIGTERM, and returns the account.
///
/// # Errors
/// When something does not come back after a kill, or does not end in time with 0.
pub async fn run(shape: Shape, calls: usize, plan: &Plan) -> Result<Ledger> {
    let setup = match shape {
        Shape::Up => Setup::up(),
        Shape::Cluster => Setup::cluster().with_workers(2),
    };
    let (mut mesh, shop) = (setup.with_short_leases().start().await?, Shop::open().await?);
    let effects = Effects::of(&shop, mesh.dir())?;
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let made = Calls::default();
    let mut running = JoinSet::new();
    let mut kills = plan.kills.iter().enumerate().peekable();
    for number in 0..calls {
        while let Some((at, kill)) = kills.next_if(|(_, kill)| kill.after == number) {
            strike(&mut mesh, &key, &effects, &made, at, *kill).await?;
        }
        if running.len() >= CONCURRENCY {
            running.join_next().await;
        }
        let (made, to) = (made.clone(), Addresses::of(&mesh, &key)?);
        running.spawn(async move { made.make(number, &to).await });
    }
    running.join_all().await;
    let ledger = account(&mesh, &effects, &made).await?;
    mesh.stop(DRAIN).await?;
    Ok(ledger)
}

/// Kills one process, and starts it again as a supervisor would.
async fn strike(
    mesh: &mut Mesh,
    key: &str,
    effects: &Arc<Effects>,
    made: &Calls,
    at: usize,
    kill: Kill,
) -> Result<()> {
    let to = Addresses::of(mesh, key)?;
    let write = async {
        if kill.inside_write {
            made.make_held(at, &to, kill.service, kill.replica).await;
        }
    };
    let murder = async {
        if kill.inside_write {
            arrived(effects, &held(at)).await?;
        }
        // Which of the workers has the job is not known: all of them are killed then.
        let all = kill.inside_write && kill.service == Service::Worker && mesh.shape() == Shape::Cluster;
        let replicas = if all { vec![1, 2] } else { vec![kill.replica] };
        for replica in &replicas {
            mesh.kill_replica(kill.service, *replica).await?;
        }
        effects.release();
        for replica in replicas {
            mesh.start_replica(kill.service, replica).await?;
        }
        anyhow::Ok(())
    };
    tokio::join!(write, murder).1.with_context(|| format!("{kill:?}"))
}

async fn arrived(effects: &Effects, marker: &str) -> Result<()> {
    let is_there = || async {
        effects
            .markers()
            .is_ok_and(|all| all.iter().any(|one| one == marker))
    };
    eventually(PATIENCE, is_there)
        .await
        .with_context(|| format!("{marker} did not arrive"))
}

/// Waits until every accepted job has ended, and puts everything side by side.
async fn account(mesh: &Mesh, effects: &Effects, made: &Calls) -> Result<Ledger> {
    let admin = mesh.admin()?;
    let mut outcomes = Vec::new();
    for call in made.all() {
        outcomes.push((outcome(&admin, &call).await?, call));
    }
    let answered = outcomes
        .iter()
        .filter(|(outcome, _)| *outcome == Outcome::Answered);
    let records = audited(&admin, answered.count()).await?;
    let mut done: HashMap<String, usize> = HashMap::new();
    for marker in effects.markers()? {
        *done.entry(marker).or_default() += 1;
    }
    let entry = |(outcome, call): (Outcome, Call)| Entry {
        is_write: call.is_write,
        at_kill: call.marker.starts_with(HELD),
        outcome,
        effects: done.get(&call.marker).copied().unwrap_or_default(),
        records: records.get(&call.marker).copied().unwrap_or_default(),
        marker: call.marker,
    };
    Ok(Ledger {
        entries: outcomes.into_iter().map(entry).collect(),
    })
}

async fn outcome(admin: &Api, call: &Call) -> Result<Outcome> {
    Ok(match &call.seen {
        Seen::Answered => Outcome::Answered,
        Seen::Refused => Outcome::Refused,
        Seen::Lost => Outcome::Lost,
        Seen::Accepted(job) => {
            let last = match admin.finished(job).await {
                Ok(finished) => finished,
                // It has had its time: the ledger says what state it is in.
                Err(_) => admin.job(job).await?,
            };
            Outcome::Job(last["state"].as_str().unwrap_or("unknown").to_owned())
        }
    })
}

/// How many audit records each request has, once as many requests have one as were answered; or at the deadline.
async fn audited(admin: &Api, answered: usize) -> Result<HashMap<String, usize>> {
    let complete = || async {
        let records = records(admin).await?;
        ensure!(records.len() >= answered, "{} of {answered}", records.len());
        Ok(records)
    };
    match eventually(PATIENCE, complete).await {
        Ok(records) => Ok(records),
        Err(_) => records(admin).await,
    }
}

async fn records(admin: &Api) -> Result<HashMap<String, usize>> {
    let (mut counts, mut cursor) = (HashMap::new(), String::new());
    loop {
        let page = admin.get(&format!("/audit?limit=200{cursor}")).await?;
        for record in page["items"].as_array().context("no items")? {
            let is_sync = record["service"] == "mcp-server" && record["action"] == "tools/call";
            if let (true, Some(request)) = (is_sync, record["request_id"].as_str()) {
                *counts.entry(request.to_owned()).or_default() += 1;
            }
        }
        match &page["next"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return Ok(counts),
        }
    }
}
