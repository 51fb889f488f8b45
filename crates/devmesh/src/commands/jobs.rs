//! `devmesh jobs`.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::api::{Api, wait_for_job};
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// Background work and its results.
#[derive(Debug, Args)]
pub struct Jobs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List jobs, newest first.
    #[command(
        after_help = "Examples:\n  devmesh jobs list\n  devmesh jobs list --state in_doubt\n  \
        devmesh jobs list --kind provider_import --limit 5"
    )]
    List {
        /// Only in this state: pending, running, done, failed or in_doubt.
        #[arg(long)]
        state: Option<String>,
        /// Only of this kind: tool_call, provider_import, provider_refresh or provider_health.
        #[arg(long)]
        kind: Option<String>,
        /// At most this many.
        #[arg(long, default_value = "50")]
        limit: NonZeroUsize,
    },
    /// Show a job with its result.
    #[command(
        after_help = "Examples:\n  devmesh jobs show 0199…\n  devmesh jobs show 0199… --wait --output json"
    )]
    Show {
        /// The job.
        id: String,
        /// Wait until it is done, failed or in doubt.
        #[arg(long)]
        wait: bool,
    },
    /// Run a failed job again.
    #[command(after_help = "Example:\n  devmesh jobs retry 0199…")]
    Retry {
        /// The job.
        id: String,
    },
    /// Close a job in doubt: a write that was cut off, of which nobody knows whether it had its effect.
    #[command(
        after_help = "Examples:\n  devmesh jobs resolve 0199… --as done      its effect is there\n  \
        devmesh jobs resolve 0199… --as failed    it is not\n  devmesh jobs resolve 0199… --as rerun     it is not, and should be"
    )]
    Resolve {
        /// The job.
        id: String,
        /// What you found out.
        #[arg(long = "as", value_enum)]
        how: How,
    },
    /// List the messages that the broker put aside: nobody could read them, or they came back too often.
    #[command(after_help = "Example:\n  devmesh jobs dead-letters")]
    DeadLetters {
        /// At most this many, oldest first.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Hand the messages that were put aside to their queues again, once what was wrong is mended.
    #[command(after_help = "Examples:\n  devmesh jobs replay\n  devmesh jobs replay --limit 1")]
    Replay {
        /// At most this many, oldest first.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Cancel a job that has not begun.
    #[command(after_help = "Example:\n  devmesh jobs cancel 0199…")]
    Cancel {
        /// The job.
        id: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    Done,
    Failed,
    Rerun,
}

const COLUMNS: &[Column] = &[
    ("id", |job| text(job, "id")),
    ("kind", |job| text(job, "kind")),
    ("subject", |job| text(job, "subject")),
    ("state", |job| text(job, "state")),
    ("attempt", |job| {
        format!("{}/{}", text(job, "attempt"), text(job, "max_attempts"))
    }),
    ("created", |job| date(job, "created_at")),
    ("error", error),
];

/// What `jobs dead-letters` shows.
const LETTERS: &[Column] = &[
    ("bytes", |letter| text(letter, "bytes")),
    ("body", |letter| text(letter, "body")),
];

/// Why it failed, in a line.
fn error(job: &Value) -> String {
    match job.get("error") {
        None | Some(Value::Null) => "-".to_owned(),
        Some(error) => format!("{}: {}", text(error, "kind"), text(error, "message")),
    }
}

impl Jobs {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        let verb = |id: String, verb: &'static str, body: Value| {
            let api = &api;
            async move { terminal.record(COLUMNS, &api.post(&["jobs", &id, verb], &[], &body).await?) }
        };
        match self.action {
            Action::List { state, kind, limit } => {
                let query: Vec<_> = [("state", state), ("kind", kind)]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect();
                terminal.rows(
                    COLUMNS,
                    &api.list(&["jobs"], &query, limit.get()).await?,
                    "no jobs",
                )
            }
            Action::Show { id, wait: false } => show(terminal, &api.get(&["jobs", &id], &[]).await?),
            Action::Show { id, wait: true } => {
                let progress = terminal.progress(&format!("job {id}"));
                show(terminal, &wait_for_job(&api, &id, &progress).await?)
            }
            Action::DeadLetters { limit } => {
                let letters = api
                    .get(&["dead-letters"], &[("limit", limit.to_string())])
                    .await?;
                let letters = letters.get("items").and_then(Value::as_array);
                terminal.rows(LETTERS, letters.map_or(&[], Vec::as_slice), "no dead letters")
            }
            Action::Replay { limit } => {
                let body = json!({ "limit": limit });
                let replayed = api.post(&["dead-letters", "replay"], &[], &body).await?;
                terminal.record(&[("replayed", |all| text(all, "replayed"))], &replayed)
            }
            Action::Retry { id } => verb(id, "retry", Value::Null).await,
            Action::Cancel { id } => verb(id, "cancel", Value::Null).await,
            Action::Resolve { id, how } => {
                let how = how.to_possible_value().map(|how| how.get_name().to_owned());
                verb(id, "resolve", json!({ "as": how })).await
            }
        }
    }
}

fn show(terminal: &Terminal, job: &Value) -> Result<(), Failure> {
    terminal.record(COLUMNS, job)?;
    let result = job
        .get("result")
        .filter(|result| !result.is_null() && !terminal.is_json());
    result.map_or(Ok(()), |result| {
        terminal.print("")?;
        terminal.json(result)
    })
}
