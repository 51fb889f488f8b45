//! `devmesh migrate`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use storage::ConnectError;
use storage::migrate::{self, Schema, Step};

use crate::arguments::Global;
use crate::direct::Place;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// The schema of the database. rest-api and `devmesh up` bring it up to date when they start; this looks at it, and does so
/// before, with the login of its owner.
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what is applied, what is pending, and who migrates now; changes nothing. Exit code 1 when something is pending, or
    /// this version does not run on the database.
    #[command(
        after_help = "Examples:\n  devmesh migrate status\n  devmesh migrate status --for rest-api --config rest-api.toml --output json"
    )]
    Status(Place),
    /// Apply what is pending, and print each. Safe to run by several at once, and while the mesh runs: migrations only add.
    #[command(
        after_help = "Examples:\n  devmesh migrate up\n  devmesh migrate up --for rest-api --login-file /run/secrets/owner-url\n\n\
        On PostgreSQL the login that serves (database.url) is given what it needs when another one migrates."
    )]
    Up(Up),
}

#[derive(Debug, Args)]
struct Up {
    #[command(flatten)]
    place: Place,
    /// How long to wait for somebody else who migrates, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,
}

const COLUMNS: &[Column] = &[
    ("version", |row| text(row, "version")),
    ("name", |row| text(row, "name")),
    ("state", |row| text(row, "state")),
    ("applied", |row| date(row, "applied_at")),
    ("ms", |row| text(row, "took_ms")),
];

impl Migrate {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        match self.action {
            Action::Status(place) => {
                let schema = migrate::status(&place.url(global)?).await;
                status(&schema.map_err(refused)?, terminal)
            }
            Action::Up(up) => up.run(global, terminal).await,
        }
    }
}

fn status(schema: &Schema, terminal: &Terminal) -> Result<(), Failure> {
    let value = serde_json::to_value(schema).map_err(|error| Failure::of("schema", error))?;
    if terminal.is_json() {
        terminal.json(&value)?;
    } else {
        let rows = value.get("migrations").and_then(Value::as_array);
        terminal.rows(COLUMNS, rows.map_or(&[], Vec::as_slice), "no migrations")?;
    }
    if let Some(holder) = &schema.lock {
        terminal.note(format_args!("somebody has its lock{holder}"));
    }
    if let Some(refusal) = schema.refusal() {
        return Err(refused(refusal));
    }
    match schema.pending() {
        0 if schema.schema > schema.known => {
            terminal.note(format_args!(
                "the schema is {}, of a later version; this one knows {}, and runs on it",
                schema.schema, schema.known
            ));
            Ok(())
        }
        0 => {
            terminal.note(format_args!(
                "the schema is {}: nothing is pending",
                schema.schema
            ));
            Ok(())
        }
        pending => Err(Failure::Failed(format!(
            "{pending} pending: `devmesh migrate up` applies them, and so does the start of rest-api or `devmesh up`"
        ))),
    }
}

impl Up {
    async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let owner = self.place.url(global)?;
        let login = self.place.direct.settings(global)?.database.url;
        let (mut applied, mut printed) = (Vec::new(), Ok(()));
        let mut tell = |step: &Step| {
            applied.push(json!(step));
            if !terminal.is_json() {
                let took = step.took_ms.unwrap_or_default();
                let line = format!("applied {} {} ({took} ms)", step.version, step.name);
                // What cannot be printed is applied all the same.
                printed = std::mem::replace(&mut printed, Ok(())).and(terminal.print(line));
            }
        };
        let patience = Duration::from_secs(self.wait);
        let done = migrate::up(&owner, login.expose(), patience, &mut tell).await;
        done.map_err(refused)?;
        printed?;
        if terminal.is_json() {
            return terminal.json(&Value::Array(applied));
        }
        if applied.is_empty() {
            terminal.note("nothing was pending");
        }
        Ok(())
    }
}

fn refused(error: ConnectError) -> Failure {
    match error {
        ConnectError::Unreachable(_) => Failure::Unreachable(error.to_string()),
        ConnectError::UnknownScheme | ConnectError::Malformed(_) => Failure::Usage(error.to_string()),
        other => Failure::Failed(other.to_string()),
    }
}
