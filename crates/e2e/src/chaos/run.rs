//! One run, from start to account.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::account::{account, records};
use super::load::{Calls, Known};
use super::plan::Fault;
use super::stage::Stage;
use super::{Ledger, Plan};
use crate::{Shape, Wholeness};

/// Most calls that are under way at once: those that wait for a service to come back, and some more.
const CONCURRENCY: usize = 64;
/// A call begins so often at most, so that some begin at every moment of a fault.
const PACE: Duration = Duration::from_millis(25);
/// The default of `drain`, and a little.
const DRAIN: Duration = Duration::from_secs(30);

/// What a run has shown.
pub struct Run {
    /// The account.
    pub ledger: Ledger,
    /// How many of the traces are whole, of those that could be journalled.
    pub traces: Wholeness,
    /// When which fault was, to read a trace that is not whole by.
    pub past: Vec<String>,
    /// Faults that could not be made here, and why.
    pub left_out: Option<&'static str>,
}

/// Makes `calls` calls while the faults of `plan` come and go, ends the mesh with SIGTERM, and returns the account.
///
/// # Errors
/// When readiness does not tell the truth, something does not come back after a fault, or does not end in time with 0.
pub async fn run(shape: Shape, calls: usize, plan: &Plan) -> Result<Run> {
    let (begin, begun) = watch::channel(0);
    let (allow, allowed) = watch::channel(0);
    let mut stage = Stage::set(shape, begun.clone()).await?;
    let has_disk = stage.has_small_disk();
    let can_be = |fault: Fault| has_disk || fault != Fault::DiskFull;
    let mut made = JoinSet::new();
    made.spawn(make(
        calls,
        stage.calls.clone(),
        stage.known.clone(),
        begin,
        allowed,
    ));
    let faults: Vec<_> = plan
        .faults
        .iter()
        .filter(|planned| can_be(planned.fault))
        .collect();
    for (number, planned) in faults.iter().enumerate() {
        allow.send_replace(planned.after);
        begun.clone().wait_for(|calls| *calls >= planned.after).await?;
        // Half of the calls until the next one begin during it, and the other half when everything is well again.
        let next = faults.get(number + 1).map_or(calls, |next| next.after);
        let half = planned.after + (next - planned.after) / 2;
        allow.send_replace(half.max(planned.after + planned.during));
        stage.strike(number, **planned).await?;
    }
    allow.send_replace(calls);
    made.join_all().await;
    let ledger = account(&stage).await?;
    let records = records(&stage.mesh.admin()?).await?;
    stage.clear(DRAIN).await?;
    let otlp = stage.mesh.otlp();
    let traces = Wholeness::of(otlp, &records).but_within(otlp, &records, &stage.unjournalled());
    let left_out = "the full disk: a file system cannot be mounted without CAP_SYS_ADMIN";
    Ok(Run {
        ledger,
        traces,
        past: stage.past.iter().map(ToString::to_string).collect(),
        left_out: (!has_disk).then_some(left_out),
    })
}

/// Makes all calls, each as soon as it is allowed.
async fn make(
    all: usize,
    calls: Calls,
    known: Known,
    begin: watch::Sender<usize>,
    mut allowed: watch::Receiver<usize>,
) {
    let mut running = JoinSet::new();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..all {
        if allowed.wait_for(|allowed| *allowed > number).await.is_err() {
            return;
        }
        if running.len() >= CONCURRENCY {
            running.join_next().await;
        }
        pace.tick().await;
        let (calls, known) = (calls.clone(), known.clone());
        running.spawn(async move { calls.make(number, &known).await });
        begin.send_replace(number + 1);
    }
    running.join_all().await;
}
