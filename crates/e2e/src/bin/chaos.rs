//! Makes everything fail around the mesh while calls go on, and prints the ledger.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool: its report is its output"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use e2e::{Shape, chaos};

/// So many of a hundred traces stay one tree, whatever fails.
const WHOLE: f64 = 99.9;

/// Kills, stops and breaks what the mesh needs while calls go on; every effect must be accounted for.
#[derive(Parser)]
struct Arguments {
    /// What the plan of faults is made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Kills of each service; of the one process in the mesh `up`.
    #[arg(long, default_value_t = 30)]
    kills: usize,
    /// How often each server is away, the disk is full, and the upstream is broken in each way.
    #[arg(long, default_value_t = 2)]
    outages: usize,
    /// Calls: in eight, two reads and two writes over MCP, a read and two writes as jobs, a write as a task.
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
    let (seed, calls, kills, outages) = (
        arguments.seed,
        arguments.calls,
        arguments.kills,
        arguments.outages,
    );
    println!(
        "replay: scripts/chaos --seed {seed} --kills {kills} --outages {outages} --calls {calls} --mesh {name}\n"
    );
    let plan = chaos::Plan::new(seed, shape, calls, kills, outages);
    print_faults(&plan);
    let run = chaos::run(shape, calls, &plan).await?;
    if let Some(left_out) = run.left_out {
        println!("LEFT OUT {left_out}\n");
    }
    println!("{}", run.ledger);
    let (done, all) = run.ledger.undisturbed_writes();
    println!("{done} of {all} write jobs that no fault hit are done");
    let violations = run.ledger.violations();
    for violation in &violations {
        println!("VIOLATION {violation}");
    }
    println!("{} violations", violations.len());
    for (trace, faults) in &run.traces.broken {
        println!("BROKEN {trace}:\n  {}", faults.join("\n  "));
    }
    if !run.traces.broken.is_empty() {
        println!("the faults:\n  {}", run.past.join("\n  "));
    }
    let whole = run.traces.percent();
    println!("{whole:.2} % of {} traces are whole", run.traces.traces);
    println!(
        "{} more were under way when no span could be written down",
        run.traces.left_out
    );
    Ok(if violations.is_empty() && whole >= WHOLE {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_faults(plan: &chaos::Plan) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for planned in &plan.faults {
        *counts.entry(planned.fault.to_string()).or_default() += 1;
    }
    println!("| fault | times |\n|---|--:|");
    for (fault, count) in counts {
        println!("| {fault} | {count} |");
    }
    println!();
}
