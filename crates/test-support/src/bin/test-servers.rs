//! `test-servers run -- COMMAND`: Postgres, Redis and RabbitMQ for one run of the tests.
//!
//! Starts them, names them in the command's environment (see `test_support::POSTGRES_URL` and its
//! neighbours), runs the command, stops them, and ends with the command's exit code.

use std::{
    ffi::OsString,
    process::{Child, Command, ExitCode},
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use test_support::{POSTGRES_URL, Postgres, RABBITMQ_API_URL, RABBITMQ_URL, REDIS_URL, RabbitMq, Redis};
use tokio::signal::unix::{Signal as UnixSignal, SignalKind, signal};

/// Private servers for one run of the tests.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Runs a command with the servers' URLs in its environment.
    Run {
        /// Start only these (comma-separated).
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<Server>,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Server {
    Postgres,
    Redis,
    Rabbitmq,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Action::Run { only, command } = Arguments::parse().action;
    let wanted = |server| only.is_empty() || only.contains(&server);
    let (postgres, redis, rabbitmq) = tokio::try_join!(
        start(wanted(Server::Postgres), Postgres::start()),
        start(wanted(Server::Redis), Redis::start()),
        start(wanted(Server::Rabbitmq), RabbitMq::start()),
    )?;
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = Command::new(program);
    child.args(arguments);
    if let Some(postgres) = &postgres {
        child.env(POSTGRES_URL, postgres.admin_url());
    }
    if let Some(redis) = &redis {
        child.env(REDIS_URL, redis.url());
    }
    if let Some(rabbitmq) = &rabbitmq {
        child
            .env(RABBITMQ_URL, rabbitmq.url())
            .env(RABBITMQ_API_URL, rabbitmq.api_url());
    }
    // Before the command runs: a signal that comes the moment it does would end us and leave it and the servers behind.
    let signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let child = child
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    wait(child, signals).await
}

/// Waits for the command, hands it SIGTERM and SIGINT, and takes over its exit code.
async fn wait(mut child: Child, [mut terminate, mut interrupt]: [UnixSignal; 2]) -> Result<ExitCode> {
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let mut ended = tokio::task::spawn_blocking(move || child.wait());
    let status = loop {
        tokio::select! {
            status = &mut ended => break status??,
            _ = terminate.recv() => kill(pid, Signal::SIGTERM)?,
            _ = interrupt.recv() => kill(pid, Signal::SIGINT)?,
        }
    };
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

async fn start<T>(wanted: bool, server: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    if wanted { Ok(Some(server.await?)) } else { Ok(None) }
}
