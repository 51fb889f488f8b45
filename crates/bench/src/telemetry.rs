//! What telemetry costs: two meshes, one with all signals and one with none, called in turn for moments.
//!
//! Both are up all the time, each with its connections open, and the load goes to one of them for half a second, then to
//! the other: a clock that changes its speed, or a neighbour on the machine, meets both. Four moments are a block, in the
//! order ABBA or BAAB, so that what drifts within a block cancels; each block gives one ratio. The median of them is the
//! figure, and how far it can be trusted comes from drawing blocks again and again. Processor time is the whole block's,
//! also that which a mesh takes while the other one is called: what is put off is not got for nothing.

mod profile;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::Options;
use crate::load::Held;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::request::Era;
use crate::servers::{self, Kind, Running};
use crate::stats::{bootstrap, median};

/// Connections of the load, to each mesh.
const CONNECTIONS: usize = 16;
/// How long nobody is called between two moments: what the last call left behind is done then.
const PAUSE: Duration = Duration::from_millis(50);
/// Calls of a mesh before the clock starts.
const WARM: Duration = Duration::from_secs(2);

/// What is compared, and for how long.
#[derive(clap::Args)]
pub struct Telemetry {
    #[command(flatten)]
    options: Options,
    /// So many blocks of four moments; 100 take four minutes.
    #[arg(long, default_value_t = 100)]
    blocks: usize,
    /// Compares a mesh with itself instead, both without signals: what the way of measuring shows where there is nothing.
    #[arg(long)]
    same: bool,
    /// Measures a CPU profile that runs instead.
    #[arg(long)]
    profile: bool,
}

pub async fn run(given: &Telemetry) -> Result<()> {
    let options = &given.options;
    let (blocks, time) = if options.quick {
        (3, Duration::from_millis(100))
    } else {
        (given.blocks, Duration::from_millis(500))
    };
    let api = servers::start(Kind::Api, "").await?;
    let devmesh = built(&options.devmesh)?;
    if given.profile {
        return profile::run(&devmesh, &api, blocks, options.quick).await;
    }
    let first = if given.same { Signals::Off } else { Signals::On };
    let mut sides = [
        Side::start(&devmesh, first, &api).await?,
        Side::start(&devmesh, Signals::Off, &api).await?,
    ];
    let figures = compare(&mut sides, blocks, time).await?;
    println!("{figures:#}");
    if !given.same {
        fs::create_dir_all(&options.figures)?;
        fs::write(options.figures.join("telemetry.json"), format!("{figures:#}"))?;
    }
    Ok(())
}

/// A mesh with its load.
struct Side {
    mesh: Mesh,
    load: Held,
}

impl Side {
    async fn start(devmesh: &Path, signals: Signals, api: &Running) -> Result<Self> {
        let mesh = Mesh::start(devmesh, signals, Data::fresh()?).await?;
        mesh.add("shop", crate::calls::description(), Some(&api.url))
            .await?;
        let key = mesh.agent("bench").await?;
        let target = mesh.calls(&key, Era::Stateless).await?;
        let mut load = Held::open(&target, CONNECTIONS).await?;
        load.run(WARM).await?;
        Ok(Self { mesh, load })
    }
}

/// What came of some moments of one side.
#[derive(Clone, Copy, Default)]
struct Sum {
    calls: f64,
    seconds: f64,
    cpu: f64,
}

impl Sum {
    fn rate(self) -> f64 {
        self.calls / self.seconds
    }

    /// Microseconds of the processor for each call.
    fn cpu_each(self) -> f64 {
        1e6 * self.cpu / self.calls
    }
}

async fn compare(sides: &mut [Side; 2], blocks: usize, time: Duration) -> Result<Value> {
    let logged = sides[0].mesh.logged()?;
    let (began, mut all) = (Instant::now(), Vec::new());
    for number in 0..blocks {
        let order = if number % 2 == 0 {
            [0, 1, 1, 0]
        } else {
            [1, 0, 0, 1]
        };
        all.push(block(sides, order, time).await?);
    }
    let [on, off] = [0, 1].map(|side| {
        let of =
            |figure: fn(Sum) -> f64| median(&all.iter().map(|block| figure(block[side])).collect::<Vec<_>>());
        json!({ "calls_per_second": of(Sum::rate), "cpu_us_per_call": of(Sum::cpu_each) })
    });
    let less = |block: &[Sum; 2]| 100.0 * (1.0 - block[0].rate() / block[1].rate());
    let more = |block: &[Sum; 2]| 100.0 * (block[0].cpu_each() / block[1].cpu_each() - 1.0);
    let calls: f64 = all.iter().map(|block| block[0].calls).sum();
    let seconds: f64 = all.iter().map(|block| block[0].seconds).sum();
    let now = sides[0].mesh.logged()?;
    let (bytes, lines) = (now.0 - logged.0, now.1 - logged.1);
    Ok(json!({
        "rate": figure(&all.iter().map(less).collect::<Vec<_>>()),
        "cpu": figure(&all.iter().map(more).collect::<Vec<_>>()),
        "with": on, "without": off,
        "log": { "bytes_per_call": bytes as f64 / calls, "lines_per_call": lines as f64 / calls,
                 "lines_per_second": lines as f64 / seconds },
        "pairs": blocks, "seconds_each": time.as_secs_f64(), "connections": CONNECTIONS,
        "took_seconds": began.elapsed().as_secs_f64(),
    }))
}

/// The median, and its interval.
fn figure(costs: &[f64]) -> Value {
    let (low, high) = bootstrap(costs);
    json!({ "cost_percent": median(costs), "low": low, "high": high })
}

/// Four moments, by the numbers of the sides.
async fn block(sides: &mut [Side; 2], order: [usize; 4], time: Duration) -> Result<[Sum; 2]> {
    let mut sums = [Sum::default(); 2];
    let cpu = |sides: &[Side; 2]| anyhow::Ok([sides[0].mesh.cpu_seconds()?, sides[1].mesh.cpu_seconds()?]);
    let before = cpu(sides)?;
    for side in order {
        let (calls, seconds) = sides[side].load.run(time).await?;
        sums[side].calls += calls as f64;
        sums[side].seconds += seconds;
        tokio::time::sleep(PAUSE).await;
    }
    let after = cpu(sides)?;
    for side in 0..2 {
        sums[side].cpu = after[side] - before[side];
    }
    Ok(sums)
}
