//! `devmesh alerts`.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// Alerts that Alertmanager told of, and which of them were worth somebody's time.
#[derive(Debug, Args)]
pub struct Alerts {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List alerts, the last received first.
    #[command(
        after_help = "Examples:\n  devmesh alerts list --firing\n  devmesh alerts list --priority P0 --limit 5 --output json"
    )]
    List {
        /// Only of this rule.
        #[arg(long, value_name = "NAME")]
        alertname: Option<String>,
        /// Only with this priority.
        #[arg(long, value_parser = ["P0", "P1", "P2", "P3"])]
        priority: Option<String>,
        /// Only those that fire still.
        #[arg(long)]
        firing: bool,
        /// At most this many.
        #[arg(long, default_value = "50")]
        limit: NonZeroUsize,
    },
    /// Say whether an alert was worth somebody's time. False positives are counted by alert.
    #[command(
        after_help = "Examples:\n  devmesh alerts review 0199… --as actionable\n  devmesh alerts review 0199… --as false-positive"
    )]
    Review {
        /// The alert.
        id: String,
        /// What it was.
        #[arg(long = "as", value_enum)]
        verdict: Verdict,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Verdict {
    /// There was something to do.
    Actionable,
    /// There was nothing: the rule is wrong.
    FalsePositive,
}

const COLUMNS: &[Column] = &[
    ("id", |alert| text(alert, "id")),
    ("alert", |alert| text(alert, "alertname")),
    ("priority", |alert| text(alert, "priority")),
    ("team", |alert| text(alert, "team")),
    ("since", |alert| date(alert, "started_at")),
    ("until", |alert| date(alert, "ended_at")),
    ("review", |alert| text(alert, "verdict")),
    ("summary", |alert| text(alert, "summary")),
];

impl Alerts {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        match self.action {
            Action::List {
                alertname,
                priority,
                firing,
                limit,
            } => {
                let firing = firing.then(|| "true".to_owned());
                let filters = [
                    ("alertname", alertname),
                    ("priority", priority),
                    ("firing", firing),
                ];
                let query: Vec<_> = filters
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect();
                let alerts = api.list(&["alerts"], &query, limit.get()).await?;
                terminal.rows(COLUMNS, &alerts, "no alerts")
            }
            Action::Review { id, verdict } => {
                let verdict = match verdict {
                    Verdict::Actionable => "actionable",
                    Verdict::FalsePositive => "false_positive",
                };
                let body = json!({ "verdict": verdict });
                let alert = api.post(&["alerts", &id, "review"], &[], &body).await?;
                terminal.record(COLUMNS, &alert)
            }
        }
    }
}
