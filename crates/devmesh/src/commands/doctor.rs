//! `devmesh doctor`.

pub(super) mod baselines;
pub(super) mod checklist;
mod finding;
mod here;
mod installation;
mod monitoring;
mod redis;
mod services;
mod slow_queries;
mod trends;

use clap::Args;
use serde_json::Value;

use crate::arguments::Global;
use crate::direct::Direct;
use crate::failure::Failure;
use crate::pages::{self, Pages};
use crate::terminal::{BAD, Column, DIM, GOOD, Terminal, WARN, paint, text};
use finding::Finding;

/// Look for what is wrong, and say what to do: settings, data directory, ports, keys, certificates, database with its schema,
/// broker, cache, health and versions of the services, key, clock. Exit code 1 when something is.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh doctor\n  devmesh doctor --for rest-api --config rest-api.toml --client-certificate worker.crt\n  devmesh doctor --daily --alerts http://127.0.0.1:9093\n  devmesh doctor --slow-queries\n  \
    devmesh doctor --prometheus http://127.0.0.1:9090\n  \
    devmesh doctor --redis --for rest-api --config rest-api.toml\n  \
    devmesh --url https://mesh.example.com --mcp-url https://mcp.example.com/mcp doctor"
)]
pub struct Doctor {
    #[command(flatten)]
    direct: Direct,
    /// A certificate that mcp-server or worker shows (control_plane.certificate_file): whether rest-api takes it. May be given
    /// several times.
    #[arg(long, value_name = "FILE")]
    client_certificate: Vec<std::path::PathBuf>,
    /// Where the worker of a mesh elsewhere answers health checks; it is left out when --url is given without this.
    #[arg(long, value_name = "URL")]
    worker_url: Option<url::Url>,
    /// Go through the daily list as well: errors, latency, memory, CPU, queues, breakers, telemetry, backup, certificates,
    /// disk, alerts.
    #[arg(long, conflicts_with_all = ["slow_queries", "redis"])]
    daily: bool,
    /// Go through the weekly list as well: the daily one, and budgets, trends, restarts, the size of pages and log.
    #[arg(long, conflicts_with_all = ["slow_queries", "redis"])]
    weekly: bool,
    /// Where Alertmanager is, for what fires now.
    #[arg(long, value_name = "URL")]
    alerts: Option<url::Url>,
    /// Looks at this Prometheus instead: which shipped panels, rules and alerts have no data there, and why. With --weekly
    /// it is asked for the trends.
    #[arg(long, value_name = "URL")]
    prometheus: Option<url::Url>,
    /// Only the statements of the database that take more than 100 ms on average, the slowest 20.
    #[arg(long, conflicts_with = "redis")]
    slow_queries: bool,
    /// Only what Redis says of itself: four figures and its last 10 slow commands.
    #[arg(long)]
    redis: bool,
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
        Some("skip") => paint(DIM, "skip"),
        _ => paint(BAD, "FAIL"),
    }
}

impl Doctor {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        if !self.client_certificate.is_empty() && !self.direct.is_rest_api() {
            let said = "--client-certificate is about rest-api as a process of its own: add --for rest-api and its settings";
            return Err(Failure::Usage(said.to_owned()));
        }
        if self.redis {
            return redis::show(&self.direct.settings(global)?.cache, terminal).await;
        }
        if self.slow_queries {
            let targets = pages::targets(&global.connection, self.worker_url)?;
            let url = self.direct.settings(global)?.database.url;
            return slow_queries::show(url.expose(), &Pages::read(&targets).await, terminal).await;
        }
        let findings = match &self.prometheus {
            Some(url) if !self.has_list() => monitoring::look(url).await?,
            _ => self.mesh(global).await?,
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

    fn has_list(&self) -> bool {
        self.daily || self.weekly
    }

    /// The mesh itself: what is on this machine, and what its services say.
    async fn mesh(self, global: &Global) -> Result<Vec<Finding>, Failure> {
        let connection = &global.connection;
        // With --url the mesh is another one: what is on this machine says nothing about it.
        let is_here = connection.url.is_none();
        let mut findings = Vec::new();
        if is_here && !self.direct.is_rest_api() {
            findings.extend(here::look(self.direct.sources(), connection));
        }
        if is_here {
            findings.extend(installation::look(&self.direct, global, &self.client_certificate).await);
        }
        findings.extend(services::look(connection, self.worker_url.clone()).await);
        if self.has_list() {
            let asked = checklist::Asked {
                weekly: self.weekly,
                alerts: self.alerts.as_ref(),
                prometheus: self.prometheus.as_ref(),
                data: is_here.then_some(connection.data.as_path()),
            };
            let targets = pages::targets(connection, self.worker_url)?;
            findings.extend(checklist::look(&targets, asked).await);
        }
        Ok(findings)
    }
}
