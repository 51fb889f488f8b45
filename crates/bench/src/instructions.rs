//! What a call costs in instructions, with logs and traces and without: counted by callgrind, so that it is the same on a
//! busy machine. Start and end cost the same whatever is called in between, so two runs are compared.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Options;
use crate::load;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::request::Era;
use crate::servers::{self, Kind};

/// Calls of the shorter run: caches are full and connections open then.
const WARM: usize = 300;

/// What is counted, and what is kept of it.
#[derive(clap::Args)]
pub struct Instructions {
    #[command(flatten)]
    options: Options,
    /// Keeps what callgrind wrote here, for `callgrind_annotate`: `off.long` less `off.short` is what the calls cost.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Counts these alone, and writes no figures.
    #[arg(long, value_enum)]
    only: Vec<Signals>,
}

pub async fn run(given: &Instructions) -> Result<()> {
    let options = &given.options;
    if let Some(directory) = &given.keep {
        fs::create_dir_all(directory)?;
    }
    let calls = if options.quick { 200 } else { 3_000 };
    let devmesh = built(&options.devmesh)?;
    let kept = |name: String| given.keep.as_ref().map(|directory| directory.join(name));
    let mut each = [0.0; 3];
    let ways = [Signals::On, Signals::Off, Signals::Tail];
    let wanted = |signals: &Signals| given.only.is_empty() || given.only.contains(signals);
    for (signals, figure) in ways.into_iter().zip(&mut each).filter(|(way, _)| wanted(way)) {
        let (short, long) = (
            counted(&devmesh, signals, WARM, kept(format!("{signals}.short"))).await?,
            counted(&devmesh, signals, WARM + calls, kept(format!("{signals}.long"))).await?,
        );
        *figure = (long - short) / calls as f64;
        println!("{signals}: {figure:.0} instructions a call");
    }
    if !given.only.is_empty() {
        return Ok(());
    }
    let [on, off, tail] = each;
    let figures: Value = json!({
        "calls": calls, "with_telemetry": on, "without": off, "telemetry": on - off,
        "telemetry_percent": 100.0 * (on - off) / off,
        "with_tail": tail, "tail_percent": 100.0 * (tail - off) / off,
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("instructions.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}

/// Instructions of a whole run with so many calls from one connection.
async fn counted(devmesh: &Path, signals: Signals, calls: usize, kept: Option<PathBuf>) -> Result<f64> {
    let api = servers::start(Kind::Api, "").await?;
    let data = Data::fresh()?;
    let counts = data.file("callgrind.out");
    let mesh = Mesh::start_counted(devmesh, signals, data, &counts).await?;
    mesh.add("shop", crate::calls::description(), Some(&api.url))
        .await?;
    let key = mesh.agent("bench").await?;
    let target = mesh.calls(&key, Era::Stateless).await?;
    load::counted(&target, calls).await?;
    let _data = mesh.stop().await?;
    let text = fs::read_to_string(&counts).context("callgrind wrote nothing")?;
    if let Some(kept) = kept {
        fs::write(kept, &text)?;
    }
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|count| count.trim().parse().ok());
    total.context("callgrind counted nothing")
}
