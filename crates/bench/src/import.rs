//! A large description through the front door: `devmesh tools add`, into a fresh mesh each time.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::Options;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::stats::median;

/// `bench import --description FILE`.
#[derive(clap::Args)]
pub struct Import {
    #[command(flatten)]
    options: Options,
    /// An OpenAPI description.
    #[arg(long)]
    description: PathBuf,
}

pub async fn run(import: &Import) -> Result<()> {
    let (options, devmesh) = (&import.options, built(&import.options.devmesh)?);
    let description = import.description.canonicalize()?;
    let operations = operations(&serde_json::from_slice(&fs::read(&description)?)?);
    let (mut seconds, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..if options.quick { 1 } else { 3 } {
        let mesh = Mesh::start(&devmesh, Signals::Off, Data::fresh()?).await?;
        seconds.push(mesh.tools_add(&devmesh, &description).await?.as_secs_f64());
        let added = mesh.added().await?;
        ensure!(
            added == operations,
            "{added} of {operations} operations became tools"
        );
        peaks.push(mesh.peak_mb()?);
        mesh.stop().await?;
    }
    let figures = json!({
        "operations": operations, "runs": seconds.len(),
        "seconds": median(&seconds), "peak_mb": peaks.iter().copied().fold(0.0, f64::max),
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("import.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}

/// How many operations a description has.
fn operations(description: &Value) -> usize {
    const METHODS: [&str; 8] = [
        "get", "put", "post", "delete", "options", "head", "patch", "trace",
    ];
    let paths = description["paths"]
        .as_object()
        .into_iter()
        .flat_map(|paths| paths.values());
    paths
        .map(|path| METHODS.iter().filter(|method| path.get(method).is_some()).count())
        .sum()
}
