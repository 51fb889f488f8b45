//! The worker beside bare loops: the queue adapter against a lapin consumer, whole jobs against lapin and sqlx, and how
//! soon a job starts. Needs PostgreSQL and RabbitMQ (`test-servers run`).

mod api;
mod bare;
mod consume;
pub(crate) mod services;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_support::Postgres;

use self::api::Api;
use self::bare::Bare;
use self::services::Services;
use crate::Options;
use crate::stats::{interval, median, percentile_ms};

/// Messages or jobs under way at once, on both sides: the worker's default.
const PREFETCH: u16 = 32;
/// Jobs a second at which their start is measured.
const RATE: u32 = 20;

/// Whole jobs alone.
#[derive(clap::Args)]
pub struct Jobs {
    /// The `devmesh` binary; those of the services are beside it.
    #[arg(long, default_value = "target/release/devmesh")]
    devmesh: PathBuf,
    /// Rounds of each side.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Jobs in a round.
    #[arg(long, default_value_t = 10_000)]
    jobs: usize,
}

pub async fn run_jobs(
    Jobs {
        devmesh,
        rounds,
        jobs,
    }: &Jobs,
) -> Result<()> {
    let api = Api::open().await?;
    let postgres = Postgres::start_as_installed().await?;
    let services = Services::start(devmesh, &api.url, &postgres).await?;
    let figures = whole_jobs(&services, &api, &postgres, *rounds, *jobs).await?;
    println!("{figures:#}");
    Ok(())
}

pub async fn run(options: &Options) -> Result<()> {
    let (rounds, messages, jobs, seconds) = if options.quick {
        (1, 200, 60, 1)
    } else {
        (5, 10_000, 10_000, 10)
    };
    let api = Api::open().await?;
    let postgres = Postgres::start_as_installed().await?;
    let services = Services::start(&options.devmesh, &api.url, &postgres).await?;
    let figures = json!({
        "rounds": rounds, "prefetch": PREFETCH,
        "queue": queue(rounds, messages).await?,
        "jobs": whole_jobs(&services, &api, &postgres, rounds, jobs).await?,
        "start": start(&services, &api, RATE * seconds).await?,
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("worker.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}

/// The adapter and a lapin consumer in turn, each over as many messages of a fresh queue.
async fn queue(rounds: usize, messages: usize) -> Result<Value> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(consume::bare(messages, PREFETCH).await?);
        ours.push(consume::adapter(messages, PREFETCH).await?);
    }
    Ok(beside(&ours, &bare, messages))
}

/// The worker and bare loops in turn, with an audit record for each job and without, each over as many jobs that wait
/// already.
async fn whole_jobs(
    services: &Services,
    api: &Api,
    postgres: &Postgres,
    rounds: usize,
    jobs: usize,
) -> Result<Value> {
    let (mut ours, mut audited, mut unaudited) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (audit, rates) in [(true, &mut audited), (false, &mut unaudited)] {
            let database = postgres
                .database(&format!("bare_{}", domain::JobId::generate().0.simple()))
                .await?;
            let bare = Bare {
                jobs,
                prefetch: PREFETCH,
                audit,
            };
            rates.push(bare.run(&database, &api.url).await?);
        }
        ours.push(services.jobs(jobs, api).await?);
    }
    Ok(json!({
        "audited": beside(&ours, &audited, jobs),
        "unaudited": beside(&ours, &unaudited, jobs),
    }))
}

/// Both rates, and the median of the ratios of each pair with its interval.
fn beside(ours: &[f64], bare: &[f64], each: usize) -> Value {
    let ratios: Vec<f64> = ours.iter().zip(bare).map(|(ours, bare)| ours / bare).collect();
    let (low, high) = interval(&ratios);
    json!({
        "each": each, "ours_per_second": median(ours), "bare_per_second": median(bare),
        "ratio": median(&ratios), "low": low, "high": high,
    })
}

/// From sending a request for a job to the request that the job makes, at a moderate rate.
async fn start(services: &Services, api: &Api, jobs: u32) -> Result<Value> {
    let worker = services.worker().await?;
    // What is made at the first call, such as connections and the compiled schema, is not the question.
    services.enqueue(1).await?;
    let began = Instant::now();
    let first_item = 1_000_000;
    let mut asked = Vec::new();
    for number in 0..jobs {
        tokio::time::sleep_until((began + Duration::from_secs(1) / RATE * number).into()).await;
        asked.push((first_item + u64::from(number), Instant::now()));
        services.ask(first_item + u64::from(number)).await?;
    }
    let arrivals = || async {
        let all = asked
            .iter()
            .map(|(item, asked)| Some(api.arrival(*item)?.duration_since(*asked)));
        all.collect::<Option<Vec<Duration>>>()
            .context("a job has not started")
    };
    let mut waits = test_support::eventually(Duration::from_secs(30), arrivals).await?;
    drop(worker);
    waits.sort_unstable();
    Ok(json!({
        "jobs": jobs, "per_second": RATE,
        "p50_ms": percentile_ms(&waits, 0.5), "p99_ms": percentile_ms(&waits, 0.99),
    }))
}
