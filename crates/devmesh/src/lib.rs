//! One executable with everything in it.
//!
//! - [`mesh`] is `devmesh up`: rest-api, mcp-server and worker in one process, on SQLite, each with a runtime, telemetry
//!   and lifecycle of its own.
//! - [`commands`] is the command line, one file a command. It reaches a mesh as everybody does: through [`api`]
//!   (rest-api's HTTP API) and [`mcp`] (MCP over Streamable HTTP). [`agent`]
//!   makes an agent of a program. What mends a mesh that lets nobody in goes by the
//!   database itself: [`direct`].

pub mod agent;
pub mod api;
pub mod arguments;
pub mod client;
pub mod commands;
pub mod connection;
pub mod direct;
pub mod failure;
pub mod generate;
pub mod mcp;
pub mod mesh;
pub mod pages;
pub mod settings;
pub mod terminal;
pub mod traces;

use std::process::ExitCode;

use arguments::Arguments;

/// Runs a command line and tells how it ended; see [`failure::Failure`] for the exit codes.
pub fn run(arguments: Arguments) -> ExitCode {
    runtime::tls::install_crypto_provider();
    let terminal = terminal::Terminal::new(arguments.global.output);
    match arguments.command.run(&arguments.global, &terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}
