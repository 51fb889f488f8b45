//! Tasks as agents see them: names and arguments.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

pub(super) fn create() -> Tool {
    let mut tool = Tool::new(
        "task_create",
        "Gives a piece of work to another agent of this tenant: one that can do what is needed is chosen, and the task \
         comes back by itself when that agent dies. Answers at once; task_get waits for the result.",
        object(
            json!({
                "type": { "type": "string", "pattern": "^[a-z0-9._-]{1,64}$",
                    "description": "What sort of work it is, for example code_review; agents are judged by it." },
                "title": { "type": "string", "maxLength": 500, "description": "For a person, in a line." },
                "input": { "type": "object", "description": "What the agent is given." },
                "needs": { "type": "object", "additionalProperties": false, "description": "What it asks of an agent.", "properties": {
                    "capabilities": { "type": "array", "maxItems": 32, "items": { "type": "string" },
                        "description": "What it must be able to do: NAME, or NAME@1.2 for that version or a later one." },
                    "wishes": { "type": "array", "maxItems": 32, "items": { "type": "string" },
                        "description": "What would be good for it to be able to do." },
                    "type": { "enum": ["ide", "slack", "monitoring", "cicd", "custom"] },
                    "region": { "type": "string" },
                    "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                } },
                "priority": { "enum": ["low", "normal", "high", "critical"], "default": "normal" },
                "strategy": { "enum": ["round_robin", "least_loaded", "capability_match", "performance_based", "cost_optimized", "auto"],
                    "default": "auto" },
                "delegation": { "enum": ["manual", "automatic", "failover", "load_balance"], "default": "automatic" },
                "agent": { "type": "string", "description": "The agent that is named, by id or name, for manual and failover." },
                "deadline_seconds": { "type": "integer", "minimum": 1, "maximum": 2_592_000,
                    "description": "When it is over, in seconds from now." },
                "max_attempts": { "type": "integer", "minimum": 1, "maximum": 100 },
                "budget_usd": { "type": "number", "minimum": 0, "description": "The most that it may cost." },
                "expected_tokens": { "type": "integer", "minimum": 0 },
                "parent_id": { "type": "string", "format": "uuid", "description": "The task that it is a part of." },
                "idempotency_key": { "type": "string", "minLength": 1, "maxLength": 128,
                    "description": "A second call with the same key is the first one." },
            }),
            &["type"],
        ),
    );
    tool.annotations = Some(
        ToolAnnotations::new()
            .read_only(false)
            .destructive(false)
            .open_world(false),
    );
    tool
}

pub(super) fn get() -> Tool {
    let mut tool = Tool::new(
        "task_get",
        "Shows a task: where it stands, its history, and its result once it has one. Can wait for that.",
        object(
            json!({
                "task_id": { "type": "string", "format": "uuid" },
                "wait_seconds": { "type": "integer", "minimum": 0, "maximum": 60, "default": 0,
                    "description": "Wait at most this long for its end." },
            }),
            &["task_id"],
        ),
    );
    tool.annotations = Some(looking());
    tool
}

pub(super) fn list() -> Tool {
    let mut tool = Tool::new(
        "task_list",
        "Lists tasks, newest first.",
        object(
            json!({
                "state": { "enum": ["pending", "assigned", "accepted", "rejected", "in_progress", "completed", "failed",
                    "cancelled", "timeout"] },
                "type": { "type": "string", "description": "Only of this sort." },
                "assignee": { "type": "string", "format": "uuid", "description": "Only this agent's." },
                "parent": { "type": "string", "format": "uuid", "description": "Only parts of this task." },
                "limit": { "type": "integer", "minimum": 1, "maximum": 200, "default": 50 },
                "cursor": { "type": "string", "description": "The `next` of the page before." },
            }),
            &[],
        ),
    );
    tool.annotations = Some(looking());
    tool
}

pub(super) fn cancel() -> Tool {
    let mut tool = Tool::new(
        "task_cancel",
        "Calls a task off, with everything that is open below it. The agent that has it is told; what it still answers is \
         refused.",
        object(
            json!({
                "task_id": { "type": "string", "format": "uuid" },
                "reason": { "type": "string", "maxLength": 1_000, "description": "For the history." },
            }),
            &["task_id"],
        ),
    );
    tool.annotations = Some(
        ToolAnnotations::new()
            .read_only(false)
            .destructive(true)
            .open_world(false),
    );
    tool
}

fn looking() -> ToolAnnotations {
    ToolAnnotations::new()
        .read_only(true)
        .idempotent(true)
        .open_world(false)
}

fn object(properties: Value, required: &[&str]) -> Arc<JsonObject> {
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}
