//! `devmesh events`: what has happened, and what happens.

mod follow;
mod newest;

use clap::Args;
use serde_json::Value;

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

pub(super) use follow::follow;

/// What happens: agents that come and go, tasks that move, messages. The newest, oldest of them first.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh events\n  devmesh events --follow --type 'task.*'\n  \
    devmesh events --task 0199… --output json\n  devmesh events --follow --after 1200"
)]
pub struct Events {
    /// Go on with what happens then, until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Only of this kind: `task.completed`, or `task.*` for all of a noun. May be repeated.
    #[arg(long = "type")]
    types: Vec<String>,
    /// Only about this task.
    #[arg(long)]
    task: Option<String>,
    /// Only about this agent.
    #[arg(long)]
    agent: Option<String>,
    /// Only with this label, `NAME=VALUE`.
    #[arg(long)]
    label: Option<String>,
    /// What happened after this number, in place of the newest.
    #[arg(long)]
    after: Option<u64>,
    /// At most this many of those that are kept, 1 to 200.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
}

const COLUMNS: &[Column] = &[
    ("number", |event| text(event, "number")),
    ("at", |event| date(event, "at")),
    ("type", |event| text(event, "type")),
    ("agent", |event| text(event, "agent_id")),
    ("task", |event| text(event, "task_id")),
    ("what", |event| words(event)),
];

/// What an event says, in a line.
pub(super) fn words(event: &Value) -> String {
    let data = event.get("data").and_then(Value::as_object);
    let word = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    };
    data.into_iter().flatten().map(word).collect::<Vec<_>>().join(" ")
}

impl Events {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        let mut query = Vec::new();
        if !self.types.is_empty() {
            query.push(("types", self.types.join(",")));
        }
        query.extend(self.task.map(|task| ("task_id", task)));
        query.extend(self.agent.map(|agent| ("agent_id", agent)));
        query.extend(self.label.map(|label| ("label", label)));
        let (events, after) = match self.after {
            Some(after) if self.follow => (Vec::new(), Some(after)),
            Some(after) => (newest::page(&api, &query, after, self.limit).await?.items, None),
            None => {
                let newest = newest::newest(&api, &query, self.limit).await?;
                (newest.items, Some(newest.next))
            }
        };
        if self.follow {
            for event in &events {
                follow::line(terminal, event)?;
            }
            return follow(&api, terminal, query, after).await;
        }
        terminal.rows(COLUMNS, &events, "nothing has happened")
    }
}
