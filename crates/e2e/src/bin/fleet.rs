//! Two hundred agents under fire, and the account of every task; see `docs/chaos.md`.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool: its report is its output"
)]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use e2e::fleet::{self, Plan, Size};

/// Kills everything that the mesh is made of while agents work; every task must be accounted for.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The whole of it.
    Run {
        /// Agents.
        #[arg(long, default_value_t = 200)]
        agents: usize,
        /// In so many processes.
        #[arg(long, default_value_t = 10)]
        crews: usize,
        /// Tasks.
        #[arg(long, default_value_t = 5000)]
        tasks: usize,
        /// How often everything is killed in turn.
        #[arg(long, default_value_t = 2)]
        rounds: usize,
        /// The little that the quick tests do, in place of everything.
        #[arg(long)]
        small: bool,
    },
    /// One process with agents, as the above starts it.
    #[command(hide = true)]
    Crew {
        /// Of whom.
        #[arg(long)]
        name: String,
        /// How many.
        #[arg(long)]
        agents: usize,
        /// Where the mesh is.
        #[arg(long = "url")]
        urls: Vec<String>,
        /// The key.
        #[arg(long, env = "FLEET_KEY", hide_env_values = true)]
        key: String,
    },
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    match Arguments::parse().what {
        What::Crew {
            name,
            agents,
            urls,
            key,
        } => {
            fleet::run_crew(&urls, &key, &name, agents, |line| println!("{line}")).await?;
            Ok(ExitCode::SUCCESS)
        }
        What::Run {
            agents,
            crews,
            tasks,
            rounds,
            small,
        } => {
            let plan = if small {
                Plan::small()
            } else {
                Plan::whole(crews, rounds)
            };
            let run = fleet::run(Size { agents, crews, tasks }, &plan).await?;
            Ok(report(&run))
        }
    }
}

fn report(run: &fleet::Run) -> ExitCode {
    println!("| strike | ready again after |\n|---|--:|");
    for (strike, took) in &run.strikes {
        println!("| {strike} | {:.1} s |", took.as_secs_f64());
    }
    println!("\n{}", run.account);
    println!(
        "{} tasks in {:.0} s",
        run.account.acknowledged,
        run.took.as_secs_f64()
    );
    for violation in &run.account.violations {
        println!("VIOLATION {violation}");
    }
    println!("{} violations", run.account.violations.len());
    match run.account.violations.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
