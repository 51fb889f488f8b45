//! Restarts every process of a mesh in order while calls go on; see `docs/chaos.md`.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool: its report is its output"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use e2e::rolling::{Plan, Report, run};

/// Restarts every process of a mesh in order while calls go on; none may fail.
#[derive(Parser)]
struct Arguments {
    /// How long calls are made.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Calls a second.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How often each process is restarted.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Where the programs of the version are that runs at first: the restarts are the upgrade to this build, and how fast
    /// calls are is not judged.
    #[arg(long)]
    from: Option<PathBuf>,
}

/// The aim for the slowest call in a hundred.
const P99: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Arguments {
        seconds,
        rate,
        rounds,
        from,
    } = Arguments::parse();
    let upgrade = from.is_some();
    let time = Duration::from_secs(seconds);
    let plan = Plan {
        time,
        rate,
        rounds,
        from: from.map(std::fs::canonicalize).transpose()?,
    };
    Ok(show(&Box::pin(run(plan)).await?, upgrade))
}

fn show(report: &Report, upgrade: bool) -> ExitCode {
    println!("| restarted | away |\n|---|--:|");
    for (who, away) in &report.restarts {
        println!("| {who} | {:.1} s |", away.as_secs_f64());
    }
    let at = |share: f64| {
        let place = (report.latencies.len() as f64 * share) as usize;
        let last = report.latencies.len().saturating_sub(1);
        report.latencies.get(place.min(last)).copied().unwrap_or_default()
    };
    let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
    println!(
        "\n{} calls, p50 {:.1} ms, p99 {:.1} ms, slowest {:.0} ms; {} jobs; listeners came back {} times",
        report.calls,
        ms(at(0.5)),
        ms(at(0.99)),
        ms(at(1.0)),
        report.jobs,
        report.came_back
    );
    for wrong in report.failures.iter().chain(&report.not_once) {
        println!("FAILED {wrong}");
    }
    let mut checks = vec![
        ("no call failed", report.failures.is_empty()),
        ("every write arrived once", report.not_once.is_empty()),
        (
            "listeners were told when to come back, and did",
            report.came_back > 0,
        ),
    ];
    if !upgrade {
        checks.push(("p99 is below a second", at(0.99) < P99));
    }
    for (what, holds) in &checks {
        println!("{} {what}", if *holds { "ok    " } else { "FAILED" });
    }
    let failed = checks.iter().filter(|(_, holds)| !holds).count();
    println!("{} passed, {failed} failed", checks.len() - failed);
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
