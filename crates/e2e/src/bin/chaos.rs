//! Kills the mesh's processes while calls go on, and prints the ledger.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool: its report is its output"
)]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use e2e::{Shape, chaos};

/// Kills processes while calls go on; every effect must be accounted for.
#[derive(Parser)]
struct Arguments {
    /// What the plan of kills is made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Kills of each service; of the one process in the mesh `up`.
    #[arg(long, default_value_t = 30)]
    kills: usize,
    /// Calls, a quarter each: reads and writes over MCP, writes and reads as jobs.
    #[arg(long, default_value_t = 2000)]
    calls: usize,
    /// On which back ends.
    #[arg(long, value_enum, default_value_t = MeshShape::Cluster)]
    mesh: MeshShape,
}

#[derive(Clone, Copy, ValueEnum)]
enum MeshShape {
    Cluster,
    Up,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let (shape, name) = match arguments.mesh {
        MeshShape::Cluster => (Shape::Cluster, "cluster"),
        MeshShape::Up => (Shape::Up, "up"),
    };
    let (seed, calls, kills) = (arguments.seed, arguments.calls, arguments.kills);
    println!("replay: scripts/chaos --seed {seed} --kills {kills} --calls {calls} --mesh {name}");
    let plan = chaos::Plan::new(seed, shape, calls, kills);
    let inside = plan.kills.iter().filter(|kill| kill.inside_write).count();
    println!("{} kills, {inside} of them inside a write\n", plan.kills.len());
    let ledger = chaos::run(shape, calls, &plan).await?;
    println!("{ledger}");
    let (done, all) = ledger.undisturbed_writes();
    println!("{done} of {all} write jobs that were not held open at a kill are done");
    let violations = ledger.violations();
    for violation in &violations {
        println!("VIOLATION {violation}");
    }
    println!("{} violations", violations.len());
    Ok(if violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
