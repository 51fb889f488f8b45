//! `devmesh up`.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};

use crate::arguments::Global;
use crate::failure::Failure;
use crate::mesh::config::Config;
use crate::mesh::data_dir::DataDir;
use crate::mesh::{self, Logs};
use crate::settings::SettingsArgs;
use crate::terminal::Terminal;

/// Run the mesh here: rest-api, mcp-server and worker in one process, on SQLite, with nothing else to install. The first
/// start makes the data directory (--data) and an admin key in it, and offers the mesh's own API as the provider `mesh`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh up\n  devmesh up --data /srv/mesh --mcp-port 9000\n  \
    devmesh up --set mcp_server.listen.address=0.0.0.0:8080 --logs stdout --log-format json\n  \
    LOG_LEVEL=debug devmesh up\n\nStops on SIGTERM or ctrl-C: mcp-server drains first, then the worker, then rest-api. A second signal \
    abandons what is in flight."
)]
pub struct Up {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Port of mcp-server (MCP); 0 takes a free one [default: 8080].
    #[arg(long, value_name = "PORT")]
    mcp_port: Option<u16>,
    /// Port of rest-api (HTTP API); 0 takes a free one [default: 8081].
    #[arg(long, value_name = "PORT")]
    api_port: Option<u16>,
    /// Port of the worker (health and metrics); 0 takes a free one [default: 8082].
    #[arg(long, value_name = "PORT")]
    worker_port: Option<u16>,
    /// Where log lines go [default: devmesh.log in the data directory when started on a terminal, else as
    /// monitoring.logging.output says].
    #[arg(long, value_enum)]
    logs: Option<Where>,
    /// How log lines look [default: pretty in devmesh.log, else as monitoring.logging.format says].
    #[arg(long, value_enum, env = "LOG_FORMAT", hide_env = true, ignore_case = true)]
    log_format: Option<Format>,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Where {
    /// devmesh.log in the data directory.
    File,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

impl Up {
    pub(super) fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let to_file = match self.logs {
            Some(chosen) => chosen == Where::File,
            None => std::io::stdout().is_terminal() && std::io::stderr().is_terminal(),
        };
        let mut config = self.settings.mesh(&self.overrides(to_file))?;
        self.ports(&mut config)?;
        let data = DataDir::at(&global.connection.data);
        data.create()?;
        let logs = if to_file {
            Logs::to_file(data.join("devmesh.log"))?
        } else {
            Logs::Stream
        };
        mesh::run(config, &data, &logs, terminal)
    }

    /// What the flags say about logs, as settings.
    fn overrides(&self, to_file: bool) -> Vec<String> {
        let output = match self.logs {
            Some(Where::Stdout) => Some("output=stdout"),
            Some(Where::Stderr) => Some("output=stderr"),
            Some(Where::File) | None => None,
        };
        let format = match (self.log_format, to_file) {
            (Some(Format::Json), _) => Some("format=json"),
            (Some(Format::Pretty), _) | (None, true) => Some("format=pretty"),
            (None, false) => None,
        };
        [output, format]
            .into_iter()
            .flatten()
            .map(|setting| format!("monitoring.logging.{setting}"))
            .collect()
    }

    fn ports(&self, config: &mut Config) -> Result<(), Failure> {
        let listeners = [
            (self.mcp_port, &mut config.mcp_server.listen.address),
            (self.api_port, &mut config.rest_api.listen.address),
            (self.worker_port, &mut config.worker.listen.address),
        ];
        for (port, address) in listeners {
            let Some(port) = port else { continue };
            let Some((host, _)) = address.rsplit_once(':') else {
                return Err(Failure::Usage(format!("`{address}` is no address with a port")));
            };
            *address = format!("{host}:{port}");
        }
        Ok(())
    }
}
