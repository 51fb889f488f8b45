//! `devmesh up`: the three services in one process.
//!
//! The same code as three processes, with other adapters: SQLite, a queue and caches in this process, gRPC over an
//! in-memory link. Each service has a tokio runtime, telemetry and a lifecycle of its own. They start in the order
//! rest-api, worker, mcp-server, and stop the other way round, so that whoever drains still reaches what it needs.

pub mod config;
pub mod data_dir;
mod first_provider;
mod host;
mod logs;
mod put_together;
pub mod running;
mod services;
mod stop;
mod welcome;

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::terminal::Terminal;
use config::Config;
use data_dir::DataDir;
use host::{Host, Role};
use running::Running;
use services::Started;

pub use logs::Logs;

/// How long the services have to become ready before what is missing is named.
const READY: Duration = Duration::from_secs(30);

/// The settings as `devmesh up` runs with them in this data directory.
///
/// # Errors
/// When a service says what only the mesh can say.
pub fn settings_in(data: &DataDir, config: Config) -> Result<Config, Failure> {
    put_together::complete(config, data)
}

/// Runs the mesh until it is told to stop.
///
/// # Errors
/// When another mesh uses the data directory, a service cannot be built, one ends by itself, or work did not drain.
pub fn run(config: Config, data: &DataDir, logs: &Logs, terminal: &Terminal) -> Result<(), Failure> {
    let began = Instant::now();
    let lock = data.lock()?;
    let main = host::coordinator()?;
    let signals = main.block_on(async { runtime::lifecycle::Signals::install() })?;
    let mut config = put_together::complete(config, data)?;
    put_together::open_admin(&mut config, data)?;
    let with_own_api = config.mesh_provider;
    let Started { hosts, control, link } = services::start(&config, logs)?;
    let running = Running::of(&hosts)?;
    let addresses = running.clone();
    let ready = async {
        host::ready(&hosts, READY).await?;
        if with_own_api {
            let ensure = first_provider::ensure(control, data.clone(), addresses.api_url.clone());
            host::of(&hosts, Role::RestApi)?.run(ensure).await?;
        }
        addresses.write(data)?;
        welcome::show(terminal, data, &addresses, logs, began.elapsed());
        Ok(())
    };
    let stopped = main.block_on(stop::when_told(&hosts, signals, ready, terminal));
    data.forget_running();
    drop(link);
    hosts.into_iter().for_each(Host::end);
    drop(lock);
    stopped.inspect(|()| terminal.note("stopped"))
}
