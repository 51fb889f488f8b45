//! MCP Agent Performance: who is here, how well the agents are, and what becomes of their tasks.

use super::model::{Dashboard, Row, Unit};
use super::panels::{bargauge, quantiles, row, stat, timeseries};

const NONE: &str = "no agent is registered";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-agents",
        title: "MCP Agent Performance",
        description: "Agents by type, model and health, what they are busy with, what becomes of the tasks that they are given, and what they tell each other.",
        rows: vec![agents(), health(), tasks(), trouble(), words()],
    }
}

/// Every replica of rest-api shows the same figures of the database: the largest, not the sum.
fn agents() -> Row {
    row(
        "Agents",
        vec![
            stat("Agents", "Registered and not offline.")
                .query("sum(max by (agent_type) (mcp_agent_registrations_active{@}))", "")
                .no_data(NONE)
                .size(4, 8),
            timeseries("Registered agents", "By type and model.")
                .query("sum by (agent_type, model) (max by (agent_type, model, status) (mcp_agents_registered{@}))", "{{agent_type}} {{model}}")
                .no_data(NONE)
                .stacked()
                .size(10, 8),
            timeseries("Agent workload distribution", "How busy each agent says that it is; the twenty busiest.")
                .unit(Unit::Percent)
                .query("topk(20, max by (agent_id, agent_type) (mcp_agent_workload_current{@}))", "{{agent_id}} ({{agent_type}})")
                .no_data(NONE)
                .bad_above(80.0, 95.0)
                .size(10, 8),
            bargauge("Capabilities", "Agents that offer each.")
                .query("topk(20, sum by (capability) (max by (capability, agent_type) (mcp_agent_capabilities{@})))", "{{capability}}")
                .no_data(NONE)
                .size(8, 8),
            timeseries("Agents by tenant", "Agents of a tenant that are here.")
                .query("max by (tenant_id) (mcp_tenant_agents_total{@})", "{{tenant_id}}")
                .no_data(NONE)
                .size(8, 8),
            timeseries("Manifests by tenant", "Kinds of agents that a tenant allows; a tenant without one allows all.")
                .query("max by (tenant_id) (mcp_agent_manifests_total{@})", "{{tenant_id}}")
                .no_data("no tenant has manifests")
                .size(8, 8),
        ],
    )
}

fn health() -> Row {
    row(
        "Health",
        vec![
            timeseries("Agents by state", "Pending until the first heartbeat, ready, active, degraded, draining.")
                .query("sum by (status) (max by (agent_type, model, status) (mcp_agents_registered{@}))", "{{status}}")
                .no_data(NONE)
                .stacked()
                .size(8, 8),
            timeseries("Agents by health", "As they say themselves.")
                .query("sum by (status) (max by (agent_type, status) (mcp_agent_health_status{@}))", "{{status}}")
                .stacked()
                .size(8, 8),
            timeseries("Agents lost", "Agents whose silence lasted for half of their time (late) or all of it (lost), in 10 minutes.")
                .query(
                    "sum by (agent_type, reason) (increase(mcp_agent_marked_unhealthy_total{@}[10m])) > 0",
                    "{{agent_type}} {{reason}}",
                )
                .incident("all are heard")
                .runbook("AgentsLost")
                .size(8, 8),
        ],
    )
}

fn tasks() -> Row {
    row(
        "Tasks",
        vec![
            timeseries("Task completion rate", "Tasks a second that ended at an agent, by its type and how.")
                .unit(Unit::PerSecond)
                .query(
                    "sum by (agent_type, status) (rate(mcp_agent_tasks_completed_total{@}[$__rate_interval]))",
                    "{{agent_type}} {{status}}",
                ),
            timeseries("Task processing time (p95)", "From an agent's acceptance to the end.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.95, sum by (agent_type, task_type, le) (rate(mcp_agent_task_duration_seconds_bucket{@}[$__rate_interval])))",
                    "{{agent_type}} {{task_type}}",
                ),
            timeseries("Assignments", "Tasks a second that were given to an agent, by the strategy that was asked for; one that is given anew counts again.")
                .unit(Unit::PerSecond)
                .query("sum by (strategy) (rate(mcp_assignments_created_total{@}[$__rate_interval]))", "{{strategy}}")
                .size(8, 8),
            timeseries("Tasks by end", "Tasks a second by how they ended, wherever they were.")
                .unit(Unit::PerSecond)
                .query("sum by (status) (rate(mcp_assignments_completed_total{@}[$__rate_interval]))", "{{status}}")
                .runbook("TasksFailing")
                .size(8, 8),
            quantiles(
                timeseries("From creation to end", "Waiting, every try, and the work.").unit(Unit::Seconds),
                "mcp_assignment_duration_seconds",
                "{@}",
                &[("0.5", "p50"), ("0.95", "p95")],
            )
            .size(8, 8),
        ],
    )
}

fn trouble() -> Row {
    row(
        "Waiting and coming back",
        vec![
            timeseries("Tasks that wait", "Tasks that no agent has, by sort.")
                .query("max by (task_type) (mcp_tasks_waiting{@})", "{{task_type}}")
                .incident("no task waits")
                .runbook("TasksWaiting")
                .size(8, 8),
            timeseries("Oldest task that waits", "Since its creation.")
                .unit(Unit::Seconds)
                .query("max by (task_type) (mcp_tasks_oldest_waiting_seconds{@})", "{{task_type}}")
                .incident("no task waits")
                .bad_above(60.0, 300.0)
                .runbook("TasksWaiting")
                .size(8, 8),
            timeseries("Redelivered", "Tasks a second that were taken from their agents, by why.")
                .unit(Unit::PerSecond)
                .query("sum by (reason) (rate(mcp_tasks_released_total{@}[$__rate_interval])) > 0", "{{reason}}")
                .incident("every task stays where it is")
                .runbook("TasksRedelivered")
                .size(8, 8),
            timeseries("Searches for agents", "Searches a second by capability.")
                .unit(Unit::PerSecond)
                .query("topk(20, sum by (capability) (rate(mcp_agent_discovery_requests_total{@}[$__rate_interval])))", "{{capability}}")
                .no_data("nobody searched"),
        ],
    )
}

fn words() -> Row {
    row(
        "Messages, notifications and borders",
        vec![
            timeseries("Messages", "Messages a second by who sends them and who gets them: types of agents, `key` for people and services.")
                .unit(Unit::PerSecond)
                .query(
                    "sum by (source_type, target_type) (rate(mcp_cross_agent_messages_total{@}[$__rate_interval]))",
                    "{{source_type}} to {{target_type}}",
                )
                .no_data("nobody has sent a message")
                .size(6, 8),
            timeseries("Notifications", "Attempts a second to tell somebody of an assignment, by how they ended.")
                .unit(Unit::PerSecond)
                .query(
                    r#"sum by (outcome) (rate(mcp_jobs_processed_total{job_type="notification",@}[$__rate_interval]))"#,
                    "{{outcome}}",
                )
                .no_data("nobody was given an assignment")
                .size(6, 8),
            timeseries("Stopped at a border", "Attempts to reach into another tenant that found its border closed, in 10 minutes, by what they reached for.")
                .query("sum by (resource) (increase(mcp_cross_org_attempts_blocked_total{@}[10m])) > 0", "{{resource}}")
                .incident("nobody tried")
                .size(6, 8),
            timeseries("Tenants by isolation", "How far the agents of a tenant may see others: strict, relaxed, open.")
                .query("max by (mode) (mcp_tenant_isolation_mode{@})", "{{mode}}")
                .stacked()
                .size(6, 8),
        ],
    )
}
