//! What a call costs in instructions, with logs and traces and without: counted by callgrind, so that it is the same on a
//! busy machine.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::Options;
use crate::load;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::request::Era;
use crate::servers::{self, Kind};

/// Calls before the count begins: caches are full and connections open then.
const WARM: usize = 300;

pub async fn run(options: &Options) -> Result<()> {
    let calls = if options.quick { 200 } else { 3_000 };
    let devmesh = built(&options.devmesh)?;
    let (on, off) = (
        counted(&devmesh, Signals::On, calls).await?,
        counted(&devmesh, Signals::Off, calls).await?,
    );
    let figures: Value = json!({
        "calls": calls, "with_telemetry": on, "without": off, "telemetry": on - off,
        "telemetry_percent": 100.0 * (on - off) / off,
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("instructions.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}

/// Instructions a call in the whole mesh, from one connection.
async fn counted(devmesh: &Path, signals: Signals, calls: usize) -> Result<f64> {
    let api = servers::start(Kind::Api, "").await?;
    let data = Data::fresh()?;
    let counts = data.file("callgrind.out");
    let mesh = Mesh::start_counted(devmesh, signals, data, &counts).await?;
    mesh.add("shop", crate::calls::description(), Some(&api.url))
        .await?;
    let key = mesh.agent("bench").await?;
    let target = mesh.calls(&key, Era::Stateless).await?;
    load::counted(&target, WARM).await?;
    control(&mesh, &["-i", "on"]).await?;
    load::counted(&target, calls).await?;
    control(&mesh, &["-i", "off"]).await?;
    // What is counted is written at once: the file that is written at the end has only what came after.
    control(&mesh, &["--dump"]).await?;
    let _data = mesh.stop().await?;
    let text = fs::read_to_string(counts.with_extension("out.1")).context("callgrind wrote nothing")?;
    let total = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("summary: ")
                .or_else(|| line.strip_prefix("totals: "))
        })
        .find_map(|count| count.trim().parse::<f64>().ok())
        .filter(|count| *count > 0.0)
        .context("callgrind counted nothing")?;
    Ok(total / calls as f64)
}

async fn control(mesh: &Mesh, what: &[&str]) -> Result<()> {
    let mut command = Command::new("callgrind_control");
    let done = command
        .args(what)
        .arg(mesh.pid()?.to_string())
        .output()
        .await
        .context("callgrind_control")?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
