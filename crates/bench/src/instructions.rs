//! What a call costs in instructions, with logs and traces and without: counted by callgrind, so that it is the same on a
//! busy machine. Start and end cost the same whatever is called in between, so two runs are compared.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Options;
use crate::load;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::request::Era;
use crate::servers::{self, Kind};

/// Calls of the shorter run: caches are full and connections open then.
const WARM: usize = 300;

pub async fn run(options: &Options) -> Result<()> {
    let calls = if options.quick { 200 } else { 3_000 };
    let devmesh = built(&options.devmesh)?;
    let mut each = [0.0; 3];
    let ways = [Signals::On, Signals::Off, Signals::Tail];
    for (signals, figure) in ways.into_iter().zip(&mut each) {
        let (short, long) = (
            counted(&devmesh, signals, WARM).await?,
            counted(&devmesh, signals, WARM + calls).await?,
        );
        *figure = (long - short) / calls as f64;
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
async fn counted(devmesh: &Path, signals: Signals, calls: usize) -> Result<f64> {
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
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|count| count.trim().parse().ok());
    total.context("callgrind counted nothing")
}
