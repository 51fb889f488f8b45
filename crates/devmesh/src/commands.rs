//! Every command, in one list.

mod agent;
mod agents;
mod alerts;
mod audit;
mod backup;
mod completions;
mod config;
mod doctor;
mod events;
mod generate;
mod init;
mod isolation;
mod jobs;
mod keys;
mod limits;
mod mcp;
mod messages;
mod migrate;
mod probe;
mod routing;
mod secrets;
mod tasks;
mod tools;
mod top;
mod trace;
mod up;
mod users;

use clap::Subcommand;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the mesh here: rest-api, mcp-server and worker in one process.
    Up(up::Up),
    /// Write a commented devmesh.toml and make the data directory.
    Init(init::Init),
    /// API keys: who may do what.
    Keys(keys::Keys),
    /// People who sign in with a password.
    Users(users::Users),
    /// What seals credentials, and how to rotate it.
    Secrets(secrets::Secrets),
    /// How often tools may be called.
    Limits(limits::Limits),
    /// Tools and the providers that they come from.
    Tools(tools::Tools),
    /// Background work and its results.
    Jobs(jobs::Jobs),
    /// Be an agent: let a program do tasks.
    Agent(agent::Agent),
    /// Agents: who is here and takes tasks.
    Agents(agents::Agents),
    /// Tasks: work that agents are given.
    Tasks(tasks::Tasks),
    /// How agents are chosen for tasks, and what another way would have meant.
    Routing(routing::Routing),
    /// Messages: what agents tell each other.
    Messages(messages::Messages),
    /// What happens: agents that come and go, tasks that move, messages.
    Events(events::Events),
    /// How far this tenant is open to others of its organization.
    Isolation(isolation::Isolation),
    /// Who called what.
    Audit(audit::Audit),
    /// What happened inside of a call, and whether all of it was recorded.
    Trace(trace::Trace),
    /// Alerts that Alertmanager told of, and which of them were worth somebody's time.
    Alerts(alerts::Alerts),
    /// Back up the database, while the mesh runs.
    Backup(backup::Backup),
    /// Put a back-up where the database is.
    Restore(backup::Restore),
    /// The schema of the database: what is applied and pending, and bringing it up to date.
    Migrate(migrate::Migrate),
    /// MCP over stdin and stdout, for clients that do not speak HTTP.
    Mcp(mcp::Mcp),
    /// Look for what is wrong, and say what to do.
    Doctor(doctor::Doctor),
    /// Watch rates, errors, latency, queues and alerts.
    Top(top::Top),
    /// The settings.
    Config(config::Settings),
    /// Ask an address for its health; exit code 0 when it answers 2xx. For containers.
    Probe(probe::Probe),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Write the generated documents.
    #[command(hide = true)]
    Generate(generate::Generate),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        match self {
            Self::Up(up) => up.run(global, terminal),
            Self::Init(init) => init.run(global, terminal),
            Self::Keys(keys) => wait_for(keys.run(global, terminal)),
            Self::Users(users) => wait_for(users.run(global, terminal)),
            Self::Secrets(secrets) => wait_for(secrets.run(global, terminal)),
            Self::Limits(limits) => wait_for(limits.run(global, terminal)),
            Self::Tools(tools) => wait_for(tools.run(global, terminal)),
            Self::Jobs(jobs) => wait_for(jobs.run(global, terminal)),
            Self::Agent(agent) => wait_for(agent.run(global, terminal)),
            Self::Agents(agents) => wait_for(agents.run(global, terminal)),
            Self::Tasks(tasks) => wait_for(tasks.run(global, terminal)),
            Self::Routing(routing) => wait_for(routing.run(global, terminal)),
            Self::Messages(messages) => wait_for(messages.run(global, terminal)),
            Self::Events(events) => wait_for(events.run(global, terminal)),
            Self::Isolation(isolation) => wait_for(isolation.run(global, terminal)),
            Self::Audit(audit) => wait_for(audit.run(global, terminal)),
            Self::Trace(trace) => wait_for(trace.run(global, terminal)),
            Self::Alerts(alerts) => wait_for(alerts.run(global, terminal)),
            Self::Backup(backup) => wait_for(backup.run(global, terminal)),
            Self::Restore(restore) => wait_for(restore.run(global, terminal)),
            Self::Migrate(migrate) => wait_for(migrate.run(global, terminal)),
            Self::Mcp(mcp) => wait_for(mcp.run(global)),
            Self::Doctor(doctor) => wait_for(doctor.run(global, terminal)),
            Self::Top(top) => wait_for(top.run(global, terminal)),
            Self::Config(config) => config.run(terminal),
            Self::Probe(probe) => wait_for(probe.run(terminal)),
            Self::Completions(completions) => completions.run(terminal),
            Self::Generate(generate) => generate.run(),
        }
    }
}

/// A command line needs no threads of its own.
fn wait_for(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of("runtime", error))?;
    let done = runtime.block_on(command);
    // A read of stdin that nobody waits for must not hold the end up.
    runtime.shutdown_background();
    done
}

/// A field of an answer that must be there.
fn required<'a>(value: &'a serde_json::Value, field: &str) -> Result<&'a str, Failure> {
    value
        .get(field)
        .and_then(serde_json::Value::as_str)
        .ok_or_else(|| {
            Failure::Failed(format!(
                "the answer has no `{field}`: is this another version of rest-api?"
            ))
        })
}
