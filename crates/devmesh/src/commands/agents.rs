//! `devmesh agents`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// Who is here and takes tasks.
#[derive(Debug, Args)]
pub struct Agents {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List agents, the last registered first.
    #[command(
        after_help = "Examples:\n  devmesh agents list\n  devmesh agents list --all\n  \
        devmesh agents list --type cicd --state degraded\n  devmesh agents list --capability deploy@2"
    )]
    List {
        /// Also those that are offline.
        #[arg(long, conflicts_with = "capability")]
        all: bool,
        /// Only in this state: pending, ready, active, degraded, draining or offline.
        #[arg(long, conflicts_with = "capability")]
        state: Option<String>,
        /// Only of this type: ide, slack, monitoring, cicd or custom.
        #[arg(long = "type")]
        agent_type: Option<String>,
        /// Only those that can do this, `NAME` or `NAME@1.2`, the least busy first.
        #[arg(long)]
        capability: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show an agent and the tasks that it holds.
    #[command(after_help = "Example:\n  devmesh agents show 0199…")]
    Show {
        /// The agent.
        id: String,
    },
    /// Show who is here, and then who comes, goes and changes, until interrupted.
    #[command(after_help = "Examples:\n  devmesh agents watch\n  devmesh agents watch --output json")]
    Watch,
    /// Let an agent finish what it has and give it nothing more.
    #[command(after_help = "Example:\n  devmesh agents drain 0199…")]
    Drain {
        /// The agent.
        id: String,
    },
    /// Send an agent away at once; its tasks go to others.
    #[command(after_help = "Example:\n  devmesh agents remove 0199…")]
    Remove {
        /// The agent.
        id: String,
    },
}

const COLUMNS: &[Column] = &[
    ("id", |agent| text(agent, "id")),
    ("name", |agent| text(agent, "name")),
    ("type", |agent| text(agent, "type")),
    ("state", |agent| text(agent, "state")),
    ("reason", |agent| text(agent, "reason")),
    ("workload", |agent| text(agent, "workload")),
    ("capacity", |agent| text(agent, "capacity")),
    ("capabilities", capabilities),
    ("heard", |agent| date(agent, "heard_at")),
];

const HELD: &[Column] = &[
    ("task", |task| text(task, "id")),
    ("type", |task| text(task, "type")),
    ("state", |task| text(task, "state")),
    ("priority", |task| text(task, "priority")),
    ("since", |task| date(task, "updated_at")),
];

fn capabilities(agent: &Value) -> String {
    let all = agent.get("capabilities").and_then(Value::as_array);
    let names = all.into_iter().flatten().filter_map(Value::as_str);
    names.collect::<Vec<_>>().join(", ")
}

impl Agents {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        match self.action {
            Action::List {
                agent_type,
                capability: Some(capability),
                ..
            } => {
                let mut query = vec![("capability", capability)];
                query.extend(agent_type.map(|wanted| ("type", wanted)));
                let found = api.get(&["agents", "discover"], &query).await?;
                let found = found.get("items").and_then(Value::as_array);
                terminal.rows(COLUMNS, found.map_or(&[], Vec::as_slice), "no agents that fit")
            }
            Action::List {
                all,
                state,
                agent_type,
                limit,
                ..
            } => {
                let present = (!all && state.is_none()).to_string();
                let mut query = vec![("present", present)];
                query.extend(state.map(|state| ("state", state)));
                query.extend(agent_type.map(|wanted| ("type", wanted)));
                terminal.rows(COLUMNS, &api.list(&["agents"], &query, limit).await?, "no agents")
            }
            Action::Show { id } => {
                let agent = api.get(&["agents", &id], &[]).await?;
                terminal.record(COLUMNS, &agent)?;
                if terminal.is_json() {
                    return Ok(());
                }
                let held = api.list(&["tasks"], &[("assignee", id)], 50).await?;
                let is_open = |task: &&Value| task.get("finished_at").is_none();
                let held: Vec<Value> = held.iter().filter(is_open).cloned().collect();
                terminal.print("")?;
                terminal.rows(HELD, &held, "it holds no tasks")
            }
            Action::Watch => {
                // Where the log stands before the list is read: nothing falls between them.
                let page = api.get(&["events"], &[("limit", "1".to_owned())]).await?;
                let present = [("present", "true".to_owned())];
                let agents = api.list(&["agents"], &present, 1_000).await?;
                if !terminal.is_json() {
                    terminal.rows(COLUMNS, &agents, "no agents")?;
                    terminal.print("")?;
                }
                let after = page.get("last").and_then(Value::as_u64);
                super::events::follow(&api, terminal, vec![("types", "agent.*".to_owned())], after).await
            }
            Action::Drain { id } => {
                let agent = api.post(&["agents", &id, "drain"], &[], &json!({})).await?;
                terminal.record(COLUMNS, &agent)
            }
            Action::Remove { id } => terminal.record(COLUMNS, &api.delete(&["agents", &id]).await?),
        }
    }
}
