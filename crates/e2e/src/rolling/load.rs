//! Calls at a steady rate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Plan;
use crate::{Mcp, Shop};

/// Clients with a session each, which no replica owns.
const SESSIONS: usize = 16;
/// One call in so many adds an item.
const WRITES: usize = 10;

/// Calls under way.
pub(super) struct Load(JoinSet<Result<Called>>);

/// What came of all calls.
#[derive(Default)]
pub(super) struct Called {
    pub(super) calls: usize,
    pub(super) failures: Vec<String>,
    pub(super) latencies: Vec<Duration>,
    /// The names of the items whose addition was answered.
    pub(super) written: Vec<String>,
}

/// One call: what it wrote, and how long it took.
struct Made {
    wrote: Option<String>,
    took: Duration,
}

impl Load {
    /// Begins; every other client speaks the stateless revision of the protocol.
    pub(super) async fn start(url: &str, key: &str, plan: &Plan) -> Result<Self> {
        let mut clients = Vec::new();
        for number in 0..SESSIONS {
            clients.push(Arc::new(match number % 2 {
                0 => Mcp::open(url, key).await?,
                _ => Mcp::stateless(url, key),
            }));
        }
        let mut all = JoinSet::new();
        all.spawn(call(clients, plan.rate, plan.time));
        Ok(Self(all))
    }

    /// What came of them, when the time is over.
    pub(super) async fn end(mut self) -> Result<Called> {
        let ended = self.0.join_next().await;
        ended.unwrap_or_else(|| Ok(Ok(Called::default())))?
    }
}

/// A call is due at its time, whether or not those before it were answered, and its wait counts from then on.
async fn call(clients: Vec<Arc<Mcp>>, rate: u32, time: Duration) -> Result<Called> {
    let mut due = interval(Duration::from_secs(1) / rate);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = Instant::now() + time;
    let (mut calls, mut called) = (JoinSet::new(), Called::default());
    let mut failures: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let at = due.tick().await;
        if at >= end {
            break;
        }
        let (number, client) = (called.calls, Arc::clone(&clients[called.calls % clients.len()]));
        calls.spawn(async move { one(&client, number, at).await });
        called.calls += 1;
        while let Some(made) = calls.try_join_next() {
            note(&mut called, &mut failures, made?);
        }
    }
    while let Some(made) = calls.join_next().await {
        note(&mut called, &mut failures, made?);
    }
    called.failures = failures
        .into_iter()
        .map(|(why, count)| format!("{count} × {why}"))
        .collect();
    Ok(called)
}

fn note(called: &mut Called, failures: &mut BTreeMap<String, usize>, made: Result<Made>) {
    match made {
        Ok(Made { wrote, took }) => {
            called.latencies.push(took);
            called.written.extend(wrote);
        }
        Err(error) => *failures.entry(format!("{error:#}")).or_default() += 1,
    }
}

async fn one(client: &Mcp, number: usize, due: Instant) -> Result<Made> {
    let writes = number.is_multiple_of(WRITES);
    let wrote = writes.then(|| format!("item-{number}"));
    match &wrote {
        Some(name) => {
            let added = client.call(Shop::ADD_ITEM, &json!({ "name": name })).await?;
            ensure!(
                added["structuredContent"]["name"] == name.as_str(),
                "added: {added}"
            );
        }
        None => {
            let id = number % 1_000;
            let item = client.call(Shop::GET_ITEM, &json!({ "id": id })).await?;
            ensure!(item["structuredContent"]["id"] == id, "read: {item}");
        }
    }
    Ok(Made {
        wrote,
        took: due.elapsed(),
    })
}
