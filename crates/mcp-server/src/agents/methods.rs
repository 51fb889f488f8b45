//! The methods of agents and tasks, in one list.

use std::sync::Arc;

use domain::Scope;
use rmcp::model::JsonObject;

use super::Agents;
use crate::methods::{MethodInfo, MethodTable};

/// Name, scope, and what it does.
const METHODS: [(&str, Scope, &str); 16] = [
    (
        "agent.register",
        Scope::AgentsConnect,
        "Registers an agent, as `POST /api/v1/agents`; its tasks come over this connection.",
    ),
    (
        "agent.heartbeat",
        Scope::AgentsConnect,
        "Says that `agent_id` is there; its tasks come over this connection from now on.",
    ),
    (
        "agent.leave",
        Scope::AgentsConnect,
        "Says good-bye for `agent_id`; what it holds goes to others.",
    ),
    (
        "agent.tasks",
        Scope::AgentsConnect,
        "What `agent_id` holds; waits for a task for `wait_seconds`.",
    ),
    (
        "agent.discover",
        Scope::AgentsRead,
        "The agents that are here and fit.",
    ),
    (
        "task.create",
        Scope::TasksWrite,
        "Creates a task, as `POST /api/v1/tasks`; with `idempotency_key` once.",
    ),
    (
        "task.get",
        Scope::TasksRead,
        "The task `task_id` with its history; waits for its end for `wait_seconds`.",
    ),
    ("task.list", Scope::TasksRead, "Tasks, newest first."),
    (
        "task.explain",
        Scope::TasksRead,
        "Who was chosen for `task_id`, and why.",
    ),
    (
        "task.cancel",
        Scope::TasksWrite,
        "Calls `task_id` off, with everything that is open below it.",
    ),
    (
        "task.delegate",
        Scope::TasksWrite,
        "Takes `task_id` from whoever has it and gives it anew.",
    ),
    (
        "task.accept",
        Scope::AgentsConnect,
        "`agent_id` takes the assignment `fence` of `task_id`.",
    ),
    ("task.reject", Scope::AgentsConnect, "`agent_id` will not do it."),
    (
        "task.progress",
        Scope::AgentsConnect,
        "`agent_id` is at it, so far.",
    ),
    (
        "task.complete",
        Scope::AgentsConnect,
        "`agent_id` has done it: here is the result.",
    ),
    ("task.fail", Scope::AgentsConnect, "`agent_id` could not do it."),
];

/// The methods, and who is told of connections.
#[must_use]
pub fn table(agents: &Arc<Agents>) -> MethodTable {
    let table = MethodTable::default().watcher(Arc::clone(agents) as _);
    METHODS.into_iter().fold(table, |table, (name, scope, summary)| {
        let info = MethodInfo {
            name,
            scope: Some(scope),
            summary,
        };
        let agents = Arc::clone(agents);
        table.method(info, move |call, params: JsonObject| {
            Arc::clone(&agents).ask(name, call, params)
        })
    })
}
