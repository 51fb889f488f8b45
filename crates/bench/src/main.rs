//! Benchmarks: the mesh beside what it is compared with, interleaved in one run, every answer's body checked.
//!
//! `scripts/benchmark.sh` builds and runs it; `docs/benchmarks.md` keeps the figures. The servers that the mesh is
//! compared with are this program too (`bench serve …`), each a process of its own with two threads, as the mesh is.

#![expect(clippy::print_stdout, reason = "it tells its figures")]

mod agents;
mod bulkhead;
mod calls;
mod curves;
mod import;
mod instructions;
mod load;
mod mesh;
mod report;
mod request;
mod servers;
mod stats;
mod telemetry;
mod up;
mod worker;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Benchmarks of the mesh, beside what it is compared with.")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Tool calls over MCP: through the mesh, the API itself, a bare proxy, the least MCP server.
    Calls(Options),
    /// A provider that hangs, and what that costs the calls of another one.
    Bulkhead(Options),
    /// Instructions a call, with logs and traces and without; needs valgrind.
    Instructions(instructions::Instructions),
    /// What logs, traces and metrics cost, beside a mesh without them; four minutes.
    Telemetry(telemetry::Telemetry),
    /// Agents over WebSocket: connections, the protocol, tasks a second. Runs inside `test-servers run`.
    Agents(agents::Agents),
    /// `devmesh up`: start, memory, and what grows with tools and keys.
    Up(Options),
    /// The worker: its queue adapter, whole jobs, how soon they start. Runs inside `test-servers run`.
    Worker(Options),
    /// Whole jobs alone, as `worker` has them; tells the figures and writes none.
    Jobs(worker::Jobs),
    /// The import of a large description: time and memory.
    Import(import::Import),
    /// Puts the figures of the last runs into the document and draws them.
    Report {
        /// Where the figures are.
        #[arg(long, default_value = "target/bench")]
        figures: PathBuf,
        /// The document; the part between its markers is replaced.
        #[arg(long, default_value = "docs/benchmarks.md")]
        document: PathBuf,
    },
    /// One of the servers that the mesh is compared with.
    #[command(hide = true)]
    Serve(servers::Serve),
}

/// How long, and with what.
#[derive(Clone, clap::Args)]
struct Options {
    /// The `devmesh` binary.
    #[arg(long, default_value = "target/release/devmesh")]
    devmesh: PathBuf,
    /// Where the figures go.
    #[arg(long, default_value = "target/bench")]
    figures: PathBuf,
    /// A short run that shows that everything still works; its figures mean little.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    runtime::tls::install_crypto_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match arguments.what {
            What::Calls(options) => calls::run(&options).await,
            What::Bulkhead(options) => bulkhead::run(&options).await,
            What::Instructions(given) => instructions::run(&given).await,
            What::Telemetry(given) => telemetry::run(&given).await,
            What::Agents(given) => agents::run(&given).await,
            What::Up(options) => up::run(&options).await,
            What::Import(import) => import::run(&import).await,
            What::Worker(options) => worker::run(&options).await,
            What::Jobs(jobs) => worker::run_jobs(&jobs).await,
            What::Report { figures, document } => report::run(&figures, &document),
            What::Serve(serve) => servers::run(serve).await,
        }
    })
}
