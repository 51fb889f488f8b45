//! `devmesh tasks`.

mod explain;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// Work that agents are given.
#[derive(Debug, Args)]
pub struct Tasks {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a task; an agent that can take it is given it at once.
    #[command(
        after_help = "Examples:\n  devmesh tasks create code_review --input '{\"diff\":\"…\"}' --needs code_review@2\n  \
        devmesh tasks create build --agent builder-1 --wait"
    )]
    Create(New),
    /// List tasks, newest first.
    #[command(
        after_help = "Examples:\n  devmesh tasks list\n  devmesh tasks list --state pending\n  \
        devmesh tasks list --parent 0199…"
    )]
    List {
        /// Only in this state: pending, assigned, accepted, rejected, in_progress, completed, failed, cancelled or timeout.
        #[arg(long)]
        state: Option<String>,
        /// Only of this sort.
        #[arg(long = "type")]
        kind: Option<String>,
        /// Only this agent's.
        #[arg(long)]
        assignee: Option<String>,
        /// Only parts of this task.
        #[arg(long)]
        parent: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show a task with its history and its result.
    #[command(
        after_help = "Examples:\n  devmesh tasks show 0199…\n  devmesh tasks show 0199… --wait --output json"
    )]
    Show {
        /// The task.
        id: String,
        /// Wait until it is finished.
        #[arg(long)]
        wait: bool,
    },
    /// Say why the task's agents were chosen: who could have taken it, with which scores, and who could not and why.
    #[command(after_help = "Example:\n  devmesh tasks explain 0199…")]
    Explain {
        /// The task.
        id: String,
    },
    /// Call a task off, with everything that is open below it.
    #[command(after_help = "Example:\n  devmesh tasks cancel 0199… --reason 'done by hand'")]
    Cancel {
        /// The task.
        id: String,
        /// For the history.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take a task from whoever has it and give it anew.
    #[command(
        after_help = "Examples:\n  devmesh tasks delegate 0199…\n  devmesh tasks delegate 0199… --to builder-2"
    )]
    Delegate {
        /// The task.
        id: String,
        /// The agent that is to do it, by id or name, and nobody else; whoever can when absent.
        #[arg(long)]
        to: Option<String>,
    },
}

#[derive(Debug, Args)]
struct New {
    /// What sort of work it is: agents are judged by it.
    kind: String,
    /// For a person, in a line.
    #[arg(long)]
    title: Option<String>,
    /// What the agent is given, a JSON object.
    #[arg(long)]
    input: Option<String>,
    /// What the agent must be able to do, `NAME` or `NAME@1.2`; may be given several times.
    #[arg(long)]
    needs: Vec<String>,
    /// low, normal, high or critical.
    #[arg(long, default_value = "normal")]
    priority: String,
    /// How an agent is chosen: round_robin, least_loaded, capability_match, performance_based, cost_optimized or auto.
    #[arg(long, default_value = "auto")]
    strategy: String,
    /// The agent that is to do it, by id or name, and nobody else.
    #[arg(long)]
    agent: Option<String>,
    /// When it is over, in seconds from now.
    #[arg(long)]
    deadline_seconds: Option<u32>,
    /// The task that it is a part of.
    #[arg(long)]
    parent: Option<String>,
    /// Wait until it is finished.
    #[arg(long)]
    wait: bool,
}

const COLUMNS: &[Column] = &[
    ("id", |task| text(task, "id")),
    ("type", |task| text(task, "type")),
    ("state", |task| text(task, "state")),
    ("priority", |task| text(task, "priority")),
    ("agent", |task| text(task, "agent")),
    ("attempt", |task| {
        format!("{}/{}", text(task, "attempt"), text(task, "max_attempts"))
    }),
    ("created", |task| date(task, "created_at")),
    ("remark", remark),
];

const HISTORY: &[Column] = &[
    ("at", |event| text(event, "at")),
    ("what", |event| text(event, "what")),
    ("state", |event| text(event, "state")),
    ("assignment", |event| text(event, "fence")),
    ("who", |event| text(event, "who")),
    ("detail", |event| text(event, "detail")),
];

/// Why it waits, or why it failed, in a line.
fn remark(task: &Value) -> String {
    match (task.get("waiting_for"), task.get("error")) {
        (Some(Value::String(why)), _) => format!("waits: {why}"),
        (_, Some(error @ Value::Object(_))) => format!("{}: {}", text(error, "kind"), text(error, "message")),
        _ => "-".to_owned(),
    }
}

impl Tasks {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        match self.action {
            Action::Create(new) => create(&api, terminal, new).await,
            Action::List {
                state,
                kind,
                assignee,
                parent,
                limit,
            } => {
                let query = [
                    ("state", state),
                    ("type", kind),
                    ("assignee", assignee),
                    ("parent", parent),
                ];
                let query: Vec<_> = query
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect();
                terminal.rows(COLUMNS, &api.list(&["tasks"], &query, limit).await?, "no tasks")
            }
            Action::Show { id, wait } => show(&api, terminal, &id, wait).await,
            Action::Explain { id } => explain::run(&api, terminal, &id).await,
            Action::Cancel { id, reason } => {
                let body = json!({ "reason": reason });
                let cancelled = api.post(&["tasks", &id, "cancel"], &[], &body).await?;
                let cancelled = cancelled.get("items").and_then(Value::as_array);
                terminal.rows(COLUMNS, cancelled.map_or(&[], Vec::as_slice), "nothing was open")
            }
            Action::Delegate { id, to } => {
                let how = if to.is_some() { "manual" } else { "automatic" };
                let body = json!({ "delegation": how, "agent": to });
                terminal.record(COLUMNS, &api.post(&["tasks", &id, "delegate"], &[], &body).await?)
            }
        }
    }
}

async fn create(api: &Api, terminal: &Terminal, new: New) -> Result<(), Failure> {
    let input: Map<String, Value> = match &new.input {
        None => Map::new(),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Failure::Failed(format!("--input must be a JSON object: {error}")))?,
    };
    let body = json!({
        "type": new.kind,
        "title": new.title.unwrap_or_default(),
        "input": input,
        "needs": { "capabilities": new.needs },
        "priority": new.priority,
        "strategy": new.strategy,
        "delegation": if new.agent.is_some() { "manual" } else { "automatic" },
        "agent": new.agent,
        "deadline_seconds": new.deadline_seconds,
        "parent_id": new.parent,
    });
    let task = api.post(&["tasks"], &[], &body).await?;
    if new.wait {
        return show(api, terminal, super::required(&task, "id")?, true).await;
    }
    terminal.record(COLUMNS, &task)
}

async fn show(api: &Api, terminal: &Terminal, id: &str, wait: bool) -> Result<(), Failure> {
    let mut task = api.get(&["tasks", id], &[]).await?;
    while wait && task.get("finished_at").is_none() {
        task = api
            .get(&["tasks", id], &[("wait_seconds", "60".to_owned())])
            .await?;
    }
    terminal.record(COLUMNS, &task)?;
    if terminal.is_json() {
        return Ok(());
    }
    let history = task.get("history").and_then(Value::as_array);
    terminal.print("")?;
    terminal.rows(HISTORY, history.map_or(&[], Vec::as_slice), "no history")?;
    let Some(result) = task.get("result") else {
        return Ok(());
    };
    terminal.print("")?;
    terminal.json(result)
}
