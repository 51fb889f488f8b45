//! Every process is restarted in order (SIGTERM), one after the other, while calls go on through the proxy that compose ships: no
//! call may fail, though no client tries again.
//!
//! - [`proxy`] is HAProxy with the shipped configuration, in front of the replicas of this machine.
//! - [`load`] calls at a steady rate, whatever the answers do, and keeps what each caller saw.
//! - [`streams`] are clients that only listen: they are told when to come back, and do.

mod load;
mod proxy;
mod streams;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use test_support::eventually;

use crate::{Mesh, PATIENCE, Service, Setup, Shop};
use load::Load;
use proxy::Proxy;
use streams::Listeners;

/// How long a run goes on, and how much.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How long calls are made.
    pub time: Duration,
    /// Calls a second.
    pub rate: u32,
    /// How often each process is restarted.
    pub rounds: u32,
    /// Where the programs of another version are that run at first; what is restarted is of this build.
    pub from: Option<PathBuf>,
}

/// What was seen.
#[derive(Debug)]
pub struct Report {
    /// Calls that were made.
    pub calls: usize,
    /// What the callers of the others were told, each once.
    pub failures: Vec<String>,
    /// Writes that the upstream saw not at all, or more than once.
    pub not_once: Vec<String>,
    /// From the moment at which a call was due to its answer, sorted.
    pub latencies: Vec<Duration>,
    /// Who was restarted, and how long it was away.
    pub restarts: Vec<(String, Duration)>,
    /// How often a listener was sent away with the word when to come back, and came back.
    pub came_back: usize,
    /// Jobs that were given to a worker right before it was restarted, and were done.
    pub jobs: usize,
}

/// The default of `drain`, the notice, and a little.
const END: Duration = Duration::from_secs(40);
/// What compose says for a process behind its proxy, which asks every second and believes the second no.
const NOTICE: &str = "5s";
const LISTENERS: usize = 8;
/// Jobs before each restart of a worker.
const JOBS: usize = 5;

/// Runs it.
///
/// # Errors
/// When a process does not end with 0 or does not come back, or a listener is not told when to come back.
pub async fn run(plan: Plan) -> Result<Report> {
    let behind_a_proxy = [Service::McpServer, Service::RestApi];
    let notice = |setup: Setup, service: Service| setup.set(service, "drain_notice", NOTICE);
    let setup = behind_a_proxy.into_iter().fold(Setup::cluster(), notice);
    let setup = plan
        .from
        .iter()
        .fold(setup, |setup, dir| setup.with_programs(dir));
    let mut mesh = setup.start().await?;
    let shop = Shop::open().await?;
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let proxy = Proxy::start(&mesh.mcp_urls()).await?;
    let listeners = Listeners::start(proxy.url(), &key, LISTENERS).await?;
    let load = Load::start(proxy.url(), &key, &plan).await?;
    mesh.use_programs(None);
    let mut jobs = Vec::new();
    let mut restarts = Vec::new();
    // As an upgrade does it: rest-api first.
    let order = [
        (Service::RestApi, 1),
        (Service::McpServer, 1),
        (Service::Worker, 1),
        (Service::McpServer, 2),
    ];
    let all = order.iter().cycle().take(order.len() * plan.rounds as usize);
    let pause = plan.time / (order.len() as u32 * plan.rounds + 1);
    let began = Instant::now();
    for (number, (service, replica)) in all.enumerate() {
        let due = pause * (number as u32 + 1);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        if *service == Service::Worker {
            jobs.extend(given(&mesh, &key, jobs.len()).await?);
        }
        let away = restart(&mut mesh, &proxy, *service, *replica).await?;
        restarts.push((format!("{} {replica}", service.name()), away));
    }
    let called = load.end().await?;
    let came_back = listeners.end().await?;
    for job in &jobs {
        let done = mesh.api(&key)?.finished(job).await?;
        ensure!(done["state"] == "done", "{done}");
    }
    let mut latencies = called.latencies;
    latencies.sort();
    Ok(Report {
        calls: called.calls,
        failures: called.failures,
        not_once: not_once(&shop, &called.written),
        latencies,
        restarts,
        came_back,
        jobs: jobs.len(),
    })
}

/// Ends one process and starts it again; how long it did not listen.
async fn restart(mesh: &mut Mesh, proxy: &Proxy, service: Service, replica: usize) -> Result<Duration> {
    let code = mesh.end_replica(service, replica, END).await?;
    ensure!(
        code == Some(0),
        "{} {replica} ended with {code:?}",
        service.name()
    );
    let gone = Instant::now();
    mesh.start_replica(service, replica).await?;
    let away = gone.elapsed();
    if service == Service::McpServer {
        let urls = mesh.mcp_urls();
        let url = urls.get(replica - 1).context("no such replica")?;
        proxy.moved(replica, url).await?;
        eventually(PATIENCE, || proxy.is_up(replica)).await?;
    }
    Ok(away)
}

/// Jobs that wait for the worker that is about to go.
async fn given(mesh: &Mesh, key: &str, before: usize) -> Result<Vec<Value>> {
    let api = mesh.api(key)?;
    let mut jobs = Vec::new();
    for number in 0..JOBS {
        let name = json!({ "name": format!("job-{}", before + number) });
        jobs.push(api.call_async(Shop::ADD_ITEM, &name).await?);
    }
    Ok(jobs)
}

fn not_once(shop: &Shop, written: &[String]) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = written.iter().map(|name| (name.clone(), 0)).collect();
    for addition in shop.additions() {
        let name = addition.json().ok();
        let name = name.and_then(|item| item["name"].as_str().map(str::to_owned));
        if let Some(count) = name.and_then(|name| seen.get_mut(&name)) {
            *count += 1;
        }
    }
    let wrong = seen.into_iter().filter(|(_, count)| *count != 1);
    wrong
        .map(|(name, count)| format!("{name} arrived {count} times"))
        .collect()
}
