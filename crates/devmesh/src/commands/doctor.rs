//! `devmesh doctor`.

mod finding;
mod here;
mod monitoring;
mod services;

use clap::Args;
use serde_json::Value;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::settings::SettingsArgs;
use crate::terminal::{BAD, Column, GOOD, Terminal, WARN, paint, text};
use finding::Finding;

/// Look for what is wrong, and say what to do: settings, data directory, ports, health of the services with their
/// database and queue, key, clock. Exit code 1 when something is.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh doctor\n  devmesh --url https://mesh.example.com --mcp-url https://mcp.example.com/mcp doctor"
)]
pub struct Doctor {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Where the worker of a mesh elsewhere answers health checks; it is left out when --url is given without this.
    #[arg(long, value_name = "URL")]
    worker_url: Option<url::Url>,
    /// Looks at this Prometheus instead: which shipped panels, rules and alerts have no data there, and why.
    #[arg(long, value_name = "URL")]
    prometheus: Option<url::Url>,
}

const COLUMNS: &[Column] = &[
    ("check", |row| text(row, "check")),
    ("", verdict),
    ("found", |row| text(row, "found")),
    ("what to do", |row| text(row, "advice")),
];

fn verdict(row: &Value) -> String {
    match row.get("verdict").and_then(Value::as_str) {
        Some("ok") => paint(GOOD, "ok"),
        Some("warn") => paint(WARN, "warn"),
        _ => paint(BAD, "FAIL"),
    }
}

impl Doctor {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let findings = match &self.prometheus {
            Some(url) => monitoring::look(url).await?,
            None => self.mesh(global).await,
        };
        let failed = findings.iter().filter(|finding| finding.is_failure()).count();
        let rows: Vec<Value> = findings.into_iter().map(Finding::into_row).collect();
        terminal.rows(COLUMNS, &rows, "nothing was checked")?;
        match failed {
            0 => Ok(()),
            1 => Err(Failure::Failed("1 check failed".to_owned())),
            several => Err(Failure::Failed(format!("{several} checks failed"))),
        }
    }

    /// The mesh itself: what is on this machine, and what its services say.
    async fn mesh(self, global: &Global) -> Vec<Finding> {
        let connection = &global.connection;
        // With --url the mesh is another one: what is on this machine says nothing about it.
        let mut findings = if connection.url.is_none() {
            here::look(&self.settings, connection)
        } else {
            Vec::new()
        };
        findings.extend(services::look(connection, self.worker_url).await);
        findings
    }
}
