//! The methods of agents and tasks, in one list.

use std::sync::Arc;

use domain::Scope;
use rmcp::model::JsonObject;

use super::{Agents, Subscriptions};
use crate::methods::{MethodInfo, MethodTable};

/// Name, scope, and what it does.
const METHODS: [(&str, Scope, &str); 20] = [
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
    (
        "message.send",
        Scope::AgentsConnect,
        "`agent_id` tells other agents something; with `idempotency_key` once.",
    ),
    (
        "message.list",
        Scope::AgentsConnect,
        "What waits for `agent_id`; waits for a message for `wait_seconds`.",
    ),
    (
        "message.ack",
        Scope::AgentsConnect,
        "`agent_id` has `message_id`: it is not handed to it again.",
    ),
    (
        "message.get",
        Scope::AgentsRead,
        "The message `message_id`, and where it stands at its receivers.",
    ),
];

/// The methods, and who is told of connections.
#[must_use]
pub fn table(agents: &Arc<Agents>, subscriptions: &Arc<Subscriptions>) -> MethodTable {
    let table = MethodTable::default()
        .watcher(Arc::clone(agents) as _)
        .watcher(Arc::clone(subscriptions) as _);
    let table = METHODS.into_iter().fold(table, |table, (name, scope, summary)| {
        let info = MethodInfo {
            name,
            scope: Some(scope),
            summary,
        };
        let agents = Arc::clone(agents);
        table.method(info, move |call, params: JsonObject| {
            Arc::clone(&agents).ask(name, call, params)
        })
    });
    with_events(table, subscriptions)
}

/// What a key may see of what happens the control plane says.
fn with_events(table: MethodTable, subscriptions: &Arc<Subscriptions>) -> MethodTable {
    let subscribe = MethodInfo {
        name: "event.subscribe",
        scope: None,
        summary: "Tells over this connection what happens: `types`, `task_id`, `agent_id`, `labels`, `after`.",
    };
    let unsubscribe = MethodInfo {
        name: "event.unsubscribe",
        scope: None,
        summary: "Ends `subscription`.",
    };
    let (one, other) = (Arc::clone(subscriptions), Arc::clone(subscriptions));
    table
        .method(subscribe, move |call, wanted| {
            Arc::clone(&one).subscribe(call, wanted)
        })
        .method(unsubscribe, move |call, which| {
            Arc::clone(&other).unsubscribe(call, which)
        })
}
