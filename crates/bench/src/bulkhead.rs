//! What a provider that hangs costs the calls of another one: all its places and its whole queue are taken meanwhile.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use test_support::eventually;
use tokio::task::JoinSet;

use crate::Options;
use crate::load;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::request::{Era, Target, call_of};
use crate::servers::{self, Kind, Running};
use crate::stats::{interval, median, percentile_ms};

/// Calls per second of the provider that is well, and over how many connections.
const RATE: f64 = 500.0;
const CONNECTIONS: usize = 16;
/// Places and queue of the one that hangs: the defaults.
const PLACES: usize = 32;
const QUEUE: usize = 128;
const PATIENCE: Duration = Duration::from_secs(30);

struct Scene {
    /// Calls of the provider that is well.
    well: Target,
    /// Calls of the one that hangs.
    stuck: Target,
    hanging: Running,
    http: reqwest::Client,
    _api: Running,
    _mesh: Mesh,
}

pub async fn run(options: &Options) -> Result<()> {
    let (pairs, seconds) = if options.quick { (2, 0.5) } else { (15, 4.0) };
    let time = Duration::from_secs_f64(seconds);
    let scene = Scene::start(options).await?;
    load::open(&scene.well, CONNECTIONS, RATE, time).await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        for step in 0..2 {
            if (pair + step) % 2 == 0 {
                alone.push(load::open(&scene.well, CONNECTIONS, RATE, time).await?);
            } else {
                beside.push(scene.beside(time).await?);
            }
        }
    }
    let figures = json!({
        "per_second": RATE, "pairs": pairs, "seconds_each": seconds, "held": PLACES + QUEUE,
        "p50": compared(&alone, &beside, 0.5), "p99": compared(&alone, &beside, 0.99),
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("bulkhead.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}

/// Medians over the pairs, and by how many per cent the second is more.
fn compared(alone: &[Vec<Duration>], beside: &[Vec<Duration>], share: f64) -> Value {
    let of =
        |all: &[Vec<Duration>]| -> Vec<f64> { all.iter().map(|one| percentile_ms(one, share)).collect() };
    let (alone, beside) = (of(alone), of(beside));
    let more: Vec<f64> = alone
        .iter()
        .zip(&beside)
        .map(|(alone, beside)| 100.0 * (beside / alone - 1.0))
        .collect();
    let (low, high) = interval(&more);
    json!({ "alone_ms": median(&alone), "beside_ms": median(&beside), "more_percent": median(&more), "low": low, "high": high })
}

impl Scene {
    async fn start(options: &Options) -> Result<Self> {
        let api = servers::start(Kind::Api, "").await?;
        let hanging = servers::start(Kind::Hanging, "").await?;
        let mesh = Mesh::start(&built(&options.devmesh)?, Signals::On, Data::fresh()?).await?;
        let description = crate::calls::description();
        mesh.add("shop", description.clone(), Some(&api.url)).await?;
        mesh.add("stuck", description, Some(&hanging.url)).await?;
        // They hang for as long as the measurement lasts: no time-out and no breaker comes to help.
        let limits = json!({ "limits": { "timeout_ms": 600_000, "queue_timeout_ms": 60_000,
                             "concurrency": PLACES, "queue_length": QUEUE, "breaker": { "enabled": false } } });
        mesh.change_provider("stuck", &limits).await?;
        let key = mesh.agent("bench").await?;
        let well = mesh.calls(&key, Era::Stateless).await?;
        let stuck = call_of("stuck_get_item", &mesh.mcp, Some(&key), Era::Stateless, None);
        #[expect(clippy::disallowed_methods, reason = "it talks to our own process")]
        let http = reqwest::Client::new();
        Ok(Self {
            well,
            stuck,
            hanging,
            http,
            _api: api,
            _mesh: mesh,
        })
    }

    /// The same load while the other provider hangs with all that it may hold.
    async fn beside(&self, time: Duration) -> Result<Vec<Duration>> {
        let mut held = JoinSet::new();
        for number in 0..PLACES + QUEUE {
            let stuck = self.stuck.clone();
            held.spawn(async move { load::nth(&stuck, number).await });
        }
        self.until_hanging(PLACES).await?;
        let measured = load::open(&self.well, CONNECTIONS, RATE, time).await?;
        ensure!(
            held.try_join_next().is_none(),
            "a call of the hanging provider ended"
        );
        held.shutdown().await;
        self.until_hanging(0).await?;
        Ok(measured)
    }

    /// Waits until the hanging upstream holds so many requests.
    async fn until_hanging(&self, count: usize) -> Result<()> {
        let url = format!("{}/held", self.hanging.url);
        eventually(PATIENCE, || async {
            let held: usize = self.http.get(&url).send().await?.text().await?.parse()?;
            ensure!(held == count, "{held} requests hang, expected {count}");
            Ok(())
        })
        .await
    }
}
