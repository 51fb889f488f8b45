//! The methods of agents and tasks, in one list.

use std::sync::Arc;

use domain::Scope;
use rmcp::model::JsonObject;

use super::{Agents, Subscriptions};
use crate::methods::{MethodInfo, MethodTable};

/// The methods that the control plane answers.
const MESH: [MethodInfo; 20] = [
    MethodInfo {
        name: "agent.register",
        scope: Some(Scope::AgentsConnect),
        summary: "Registers an agent; its tasks come over this connection.",
        twin: Some("POST /api/v1/agents"),
    },
    MethodInfo {
        name: "agent.heartbeat",
        scope: Some(Scope::AgentsConnect),
        summary: "Says that `agent_id` is there; its tasks come over this connection from now on.",
        twin: Some("POST /api/v1/agents/{id}/heartbeat"),
    },
    MethodInfo {
        name: "agent.leave",
        scope: Some(Scope::AgentsConnect),
        summary: "Says good-bye for `agent_id`; what it holds goes to others.",
        twin: Some("POST /api/v1/agents/{id}/leave"),
    },
    MethodInfo {
        name: "agent.tasks",
        scope: Some(Scope::AgentsConnect),
        summary: "What `agent_id` holds; waits for a task for `wait_seconds`.",
        twin: Some("GET /api/v1/agents/{id}/tasks"),
    },
    MethodInfo {
        name: "agent.discover",
        scope: Some(Scope::AgentsRead),
        summary: "The agents that are here and fit.",
        twin: Some("GET /api/v1/agents/discover"),
    },
    MethodInfo {
        name: "task.create",
        scope: Some(Scope::TasksWrite),
        summary: "Creates a task; with `idempotency_key` once.",
        twin: Some("POST /api/v1/tasks"),
    },
    MethodInfo {
        name: "task.get",
        scope: Some(Scope::TasksRead),
        summary: "The task `task_id` with its history; waits for its end for `wait_seconds`.",
        twin: Some("GET /api/v1/tasks/{id}"),
    },
    MethodInfo {
        name: "task.list",
        scope: Some(Scope::TasksRead),
        summary: "Tasks, newest first.",
        twin: Some("GET /api/v1/tasks"),
    },
    MethodInfo {
        name: "task.explain",
        scope: Some(Scope::TasksRead),
        summary: "Who was chosen for `task_id`, and why.",
        twin: Some("GET /api/v1/tasks/{id}/decisions"),
    },
    MethodInfo {
        name: "task.cancel",
        scope: Some(Scope::TasksWrite),
        summary: "Calls `task_id` off, with everything that is open below it.",
        twin: Some("POST /api/v1/tasks/{id}/cancel"),
    },
    MethodInfo {
        name: "task.delegate",
        scope: Some(Scope::TasksWrite),
        summary: "Takes `task_id` from whoever has it and gives it anew.",
        twin: Some("POST /api/v1/tasks/{id}/delegate"),
    },
    MethodInfo {
        name: "task.accept",
        scope: Some(Scope::AgentsConnect),
        summary: "`agent_id` takes the assignment `fence` of `task_id`.",
        twin: Some("POST /api/v1/tasks/{id}/accept"),
    },
    MethodInfo {
        name: "task.reject",
        scope: Some(Scope::AgentsConnect),
        summary: "`agent_id` will not do it.",
        twin: Some("POST /api/v1/tasks/{id}/reject"),
    },
    MethodInfo {
        name: "task.progress",
        scope: Some(Scope::AgentsConnect),
        summary: "`agent_id` is at it, so far.",
        twin: Some("POST /api/v1/tasks/{id}/progress"),
    },
    MethodInfo {
        name: "task.complete",
        scope: Some(Scope::AgentsConnect),
        summary: "`agent_id` has done it: here is the result.",
        twin: Some("POST /api/v1/tasks/{id}/complete"),
    },
    MethodInfo {
        name: "task.fail",
        scope: Some(Scope::AgentsConnect),
        summary: "`agent_id` could not do it.",
        twin: Some("POST /api/v1/tasks/{id}/fail"),
    },
    MethodInfo {
        name: "message.send",
        scope: Some(Scope::AgentsConnect),
        summary: "`agent_id` tells other agents something; with `idempotency_key` once.",
        twin: Some("POST /api/v1/messages"),
    },
    MethodInfo {
        name: "message.list",
        scope: Some(Scope::AgentsConnect),
        summary: "What waits for `agent_id`; waits for a message for `wait_seconds`.",
        twin: Some("GET /api/v1/agents/{id}/messages"),
    },
    MethodInfo {
        name: "message.ack",
        scope: Some(Scope::AgentsConnect),
        summary: "`agent_id` has `message_id`: it is not handed to it again.",
        twin: Some("POST /api/v1/messages/{id}/ack"),
    },
    MethodInfo {
        name: "message.get",
        scope: Some(Scope::AgentsRead),
        summary: "The message `message_id`, and where it stands at its receivers.",
        twin: Some("GET /api/v1/messages/{id}"),
    },
];

/// What a key may see of what happens the control plane says.
const SUBSCRIBE: MethodInfo = MethodInfo {
    name: "event.subscribe",
    scope: None,
    summary: "Tells over this connection what happens: `types`, `task_id`, `agent_id`, `labels`, `after`. Answers with `subscription` and `after`.",
    twin: None,
};

const UNSUBSCRIBE: MethodInfo = MethodInfo {
    name: "event.unsubscribe",
    scope: None,
    summary: "Ends `subscription`.",
    twin: None,
};

/// Every method of the mesh, for the reference.
pub fn infos() -> impl Iterator<Item = MethodInfo> {
    MESH.into_iter().chain([SUBSCRIBE, UNSUBSCRIBE])
}

/// The methods, and who is told of connections.
#[must_use]
pub fn table(agents: &Arc<Agents>, subscriptions: &Arc<Subscriptions>) -> MethodTable {
    let table = MethodTable::default()
        .watcher(Arc::clone(agents) as _)
        .watcher(Arc::clone(subscriptions) as _);
    let table = MESH.into_iter().fold(table, |table, info| {
        let agents = Arc::clone(agents);
        table.method(info, move |call, params: JsonObject| {
            Arc::clone(&agents).ask(info.name, call, params)
        })
    });
    let (one, other) = (Arc::clone(subscriptions), Arc::clone(subscriptions));
    table
        .method(SUBSCRIBE, move |call, wanted| {
            Arc::clone(&one).subscribe(call, wanted)
        })
        .method(UNSUBSCRIBE, move |call, which| {
            Arc::clone(&other).unsubscribe(call, which)
        })
}
