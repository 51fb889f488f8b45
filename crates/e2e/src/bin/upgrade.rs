//! Upgrades from a release to this build; see `docs/operations.md`.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool: its report is its output"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use e2e::{Setup, upgrade};

/// What a release wrote is served by this build and the other way round, and both serve at once.
#[derive(Parser)]
struct Arguments {
    /// Where the programs of the release are.
    #[arg(long)]
    from: PathBuf,
    /// Put a back-up of what the release wrote into this folder for the ordinary tests, see that this build serves it,
    /// and do nothing else.
    #[arg(long)]
    store: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Arguments { from, store } = Arguments::parse();
    let from = &from.canonicalize().with_context(|| from.display().to_string())?;
    if let Some(folder) = store {
        Box::pin(upgrade::store(from, &folder)).await?;
        Box::pin(upgrade::is_served(&folder)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let results = [
        (
            "one after the other, on SQLite",
            Box::pin(upgrade::one_after_the_other(Setup::up(), from)).await,
        ),
        (
            "one after the other, on PostgreSQL",
            Box::pin(upgrade::one_after_the_other(Setup::cluster(), from)).await,
        ),
        (
            "both at once, on PostgreSQL",
            Box::pin(upgrade::both_at_once(from)).await,
        ),
    ];
    for (what, result) in &results {
        match result {
            Ok(()) => println!("ok     {what}"),
            Err(error) => println!("FAILED {what}: {error:#}"),
        }
    }
    let failed = results.iter().filter(|(_, result)| result.is_err()).count();
    println!("{} passed, {failed} failed", results.len() - failed);
    match failed {
        0 => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::FAILURE),
    }
}
