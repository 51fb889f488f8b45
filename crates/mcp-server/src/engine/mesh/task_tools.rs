//! Tasks as tools: `task_create`, `task_get`, `task_list` and `task_cancel` are in the list of every key that may. They are
//! methods of the control plane, which checks the scope and the arguments once more.

mod shape;

use std::sync::LazyLock;
use std::time::Duration;

use domain::{CallErrorKind, Principal, Scope};
use rmcp::model::{CallToolResult, ContentBlock, Tool};
use serde_json::Value;
use tonic::Code;

use crate::control_plane::ControlPlane;
use crate::engine::backend::{Answer, ToolCall};

/// The longest wait that `task_get` takes.
const MAX_WAIT: u64 = 60;

/// One tool, and the method that it stands for.
struct TaskTool {
    method: &'static str,
    scope: Scope,
    tool: fn() -> Tool,
}

/// By name.
const TOOLS: [(&str, TaskTool); 4] = [
    (
        "task_cancel",
        TaskTool {
            method: "task.cancel",
            scope: Scope::TasksWrite,
            tool: shape::cancel,
        },
    ),
    (
        "task_create",
        TaskTool {
            method: "task.create",
            scope: Scope::TasksWrite,
            tool: shape::create,
        },
    ),
    (
        "task_get",
        TaskTool {
            method: "task.get",
            scope: Scope::TasksRead,
            tool: shape::get,
        },
    ),
    (
        "task_list",
        TaskTool {
            method: "task.list",
            scope: Scope::TasksRead,
            tool: shape::list,
        },
    ),
];

/// Those that the caller sees, by name.
pub(super) fn seen(caller: &Principal) -> &'static [Tool] {
    static READ: LazyLock<Vec<Tool>> = LazyLock::new(|| of(&[Scope::TasksRead]));
    static WRITE: LazyLock<Vec<Tool>> = LazyLock::new(|| of(&[Scope::TasksWrite]));
    static BOTH: LazyLock<Vec<Tool>> = LazyLock::new(|| of(&[Scope::TasksRead, Scope::TasksWrite]));
    match (caller.may(Scope::TasksRead), caller.may(Scope::TasksWrite)) {
        (true, true) => &BOTH,
        (true, false) => &READ,
        (false, true) => &WRITE,
        (false, false) => &[],
    }
}

fn of(scopes: &[Scope]) -> Vec<Tool> {
    let fits = |(_, tool): &&(&str, TaskTool)| scopes.contains(&tool.scope);
    TOOLS.iter().filter(fits).map(|(_, tool)| (tool.tool)()).collect()
}

/// Runs one of them.
pub(super) async fn call(control_plane: &dyn ControlPlane, call: ToolCall<'_>) -> Option<Answer> {
    let (_, tool) = TOOLS.iter().find(|(name, _)| *name == call.name)?;
    let wait = call.arguments.get("wait_seconds").and_then(Value::as_u64);
    let wait = Duration::from_secs(wait.unwrap_or(0).min(MAX_WAIT));
    let principal = &call.caller.principal;
    let asked = control_plane.mesh(
        principal.tenant_id,
        principal.key_id,
        tool.method,
        call.arguments,
        wait,
    );
    Some(match asked.await {
        Ok(result) => Answer {
            response_bytes: result.to_string().len() as u64,
            ..Answer::of(CallToolResult::structured(result))
        },
        Err(status) => failure(&status),
    })
}

fn failure(status: &tonic::Status) -> Answer {
    let kind = match status.code() {
        Code::InvalidArgument => CallErrorKind::InvalidArguments,
        Code::PermissionDenied => CallErrorKind::Forbidden,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => CallErrorKind::Unavailable,
        Code::Internal | Code::Unknown => CallErrorKind::Internal,
        _ => CallErrorKind::UpstreamRejected,
    };
    let text = match kind {
        CallErrorKind::Unavailable => "tasks cannot be reached just now: try again".to_owned(),
        CallErrorKind::Internal => "internal error".to_owned(),
        _ => status.message().to_owned(),
    };
    Answer {
        error: Some(kind),
        ..Answer::of(CallToolResult::error(vec![ContentBlock::text(text)]))
    }
}
