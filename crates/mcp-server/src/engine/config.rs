//! The settings of the engine.

use runtime::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How MCP requests are answered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Most entries of one page of a list. Default 200, about half a megabyte of tools.
    pub page_size: usize,
    /// How long a client may keep a list without asking again (`ttlMs`, MCP 2026-07-28). Default 30s; clients that
    /// listen hear of changes at once.
    pub list_ttl: Duration,
    /// Most tool calls that run at once in this process; further ones are refused. Default 1024.
    pub max_calls: usize,
    /// Longest time of one tool call, whatever its provider allows. Default 10m.
    pub call_timeout: Duration,
    /// Most resources that one session may ask to hear of. Default 256: they are kept in the cache, and read whenever a
    /// resource changes.
    pub subscriptions: usize,
    /// Calls that run as tasks.
    pub tasks: TasksConfig,
    /// What is listed of a large catalogue.
    pub tools: ToolsConfig,
}

/// What is listed of a large catalogue.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToolsConfig {
    /// Most tools that are listed by themselves. A key that has more sees `search_tools`, `describe_tool` and `call_tool`
    /// instead, beside what it pins. Default 50: so many real operations are some 15,000 tokens that a model reads with
    /// every request (docs/search.md). 0 lists none.
    pub direct_limit: usize,
    /// Whether `task_create`, `task_get`, `task_list` and `task_cancel` are among the tools of every key with the scopes
    /// `tasks:write` and `tasks:read`. Default true: any agent can hand work to others.
    pub tasks: bool,
}

/// Calls that run as tasks (extension `io.modelcontextprotocol/tasks`), which are jobs of the mesh.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TasksConfig {
    /// A call becomes a task without being asked when its provider allows calls longer than this and the client takes
    /// tasks. Default 1m: clients give up around then.
    pub sync_limit: Duration,
    /// How long a task can be asked for (`ttlMs`). Default 24h; the job itself is kept longer.
    pub ttl: Duration,
    /// How often a client should ask (`pollIntervalMs`). Default 1s.
    pub poll_interval: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            page_size: 200,
            list_ttl: Duration::from_secs(30),
            max_calls: 1_024,
            call_timeout: Duration::from_mins(10),
            subscriptions: 256,
            tasks: TasksConfig::default(),
            tools: ToolsConfig::default(),
        }
    }
}

impl Default for ToolsConfig {
    fn default() -> Self {
        Self {
            direct_limit: 50,
            tasks: true,
        }
    }
}

impl Default for TasksConfig {
    fn default() -> Self {
        Self {
            sync_limit: Duration::from_mins(1),
            ttl: Duration::from_hours(24),
            poll_interval: Duration::from_secs(1),
        }
    }
}
