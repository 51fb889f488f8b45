//! The repository's own checks and generators: `cargo xtask check`, `cargo xtask generate`.
//!
//! Each check is one file and one line in [`CHECKS`]. A check returns its findings; an error means that it
//! could not look.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool: its report is its output"
)]

mod alert_names;
mod arrows;
mod dashboards;
mod duplicates;
mod generated;
mod kubernetes;
mod layout;
mod licences;
mod migrations;
mod proto;
mod repository;
mod threats;
mod unused;
mod variants;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use repository::Repository;

/// Every check, in the order of the report: the quick ones first.
const CHECKS: &[(&str, CheckFn)] = &[
    ("layout", layout::check),
    ("words", words::check),
    ("arrows", arrows::check),
    ("duplicates", duplicates::check),
    ("unused", unused::check),
    ("licences", licences::check),
    ("threats", threats::check),
    ("migrations", migrations::check),
    ("proto", proto::check),
    ("generated", generated::check),
];

type CheckFn = fn(&Repository) -> anyhow::Result<Report>;

/// What a check looked at and what it found wrong; nothing wrong means ok.
struct Report {
    looked_at: String,
    findings: Vec<String>,
}

/// The repository's own checks and generators.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every check, or only the named ones: layout, words, arrows, duplicates, unused, licences, threats, migrations, proto, generated.
    Check {
        /// The checks to run.
        #[arg(value_parser = CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>())]
        names: Vec<String>,
    },
    /// Writes the generated files anew: docs/metrics.md, docs/configuration.md, openapi.json, …
    Generate,
    /// The protocol's baseline.
    #[command(subcommand)]
    Proto(ProtoCommand),
}

#[derive(Subcommand)]
enum ProtoCommand {
    /// Makes the protocol as it is now the one that later changes must not break.
    Accept,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let repository = Repository::open()?;
    match command {
        Command::Check { names } => Ok(check(&repository, &names)),
        Command::Generate => generated::write(&repository).map(|()| ExitCode::SUCCESS),
        Command::Proto(ProtoCommand::Accept) => {
            let path = proto::accept(&repository)?;
            println!("wrote {}", path.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs the checks that were asked for; all of them when none was. A failed one does not keep the next from running.
fn check(repository: &Repository, names: &[String]) -> ExitCode {
    let wanted = CHECKS
        .iter()
        .filter(|(name, _)| names.is_empty() || names.iter().any(|n| n == name));
    let mut failed = false;
    for (name, check) in wanted {
        let report = check(repository);
        failed |= !matches!(&report, Ok(report) if report.findings.is_empty());
        print(name, &report);
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn print(name: &str, report: &anyhow::Result<Report>) {
    match report {
        Ok(report) if report.findings.is_empty() => println!("ok    {name:<11} {}", report.looked_at),
        Ok(report) => {
            println!("FAIL  {name:<11} {}", report.looked_at);
            report
                .findings
                .iter()
                .for_each(|finding| println!("      - {finding}"));
        }
        Err(error) => println!("FAIL  {name:<11} could not look: {error:#}"),
    }
}
