//! `devmesh doctor`.

mod finding;
mod here;
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
        let connection = &global.connection;
        let mut findings = here::look(&self.settings, connection);
        findings.extend(services::look(connection).await);
        let failed = findings.iter().filter(|finding| finding.is_failure()).count();
        let rows: Vec<Value> = findings.into_iter().map(Finding::into_row).collect();
        terminal.rows(COLUMNS, &rows, "nothing was checked")?;
        match failed {
            0 => Ok(()),
            1 => Err(Failure::Failed("1 check failed".to_owned())),
            several => Err(Failure::Failed(format!("{several} checks failed"))),
        }
    }
}
