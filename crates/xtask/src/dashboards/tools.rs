//! MCP Tools: what the agents call and how the providers do, with the view of the PCF guide.

use super::model::{Dashboard, Row, Unit};
use super::panels::{bargauge, row, text, timeseries};

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-tools",
        title: "MCP Tools",
        description: "Tool executions by tool and provider: rate, outcome, duration, queues, limits.",
        rows: vec![executions(), providers(), limits(), pcf()],
    }
}

fn executions() -> Row {
    row(
        "Tools",
        vec![
            timeseries("Executions by tool", "Tool executions a second.")
                .unit(Unit::PerSecond)
                .query("topk(20, sum by (tool) (rate(mcp_tool_executions_total{@}[$__rate_interval])))", "{{tool}}"),
            timeseries("Tool execution time by tool", "p95, waiting for a place included.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.95, sum by (tool, le) (rate(mcp_tool_duration_seconds_bucket{@}[$__rate_interval])))",
                    "{{tool}}",
                )
                .bad_above(1.0, 5.0)
                .runbook("MCPHighLatency"),
            timeseries("Executions by outcome", "Tool executions a second by the status code that fits the outcome.")
                .unit(Unit::PerSecond)
                .query("sum by (status) (rate(mcp_tool_executions_total{@}[$__rate_interval]))", "{{status}}")
                .stacked(),
            timeseries("Tool errors", "Failed executions a second by tool and kind.")
                .unit(Unit::PerSecond)
                .query(
                    "topk(20, sum by (tool, error_type) (rate(mcp_tool_errors_total{@}[$__rate_interval])))",
                    "{{tool}} {{error_type}}",
                )
                .incident("no tool failed")
                .runbook("MCPHighErrorRate"),
            bargauge("Most used tools", "Executions in this time.")
                .query("topk(10, sum by (tool) (increase(mcp_tool_executions_total{@}[$__range])))", "{{tool}}"),
            bargauge("Slowest tools", "p95 in this time.")
                .unit(Unit::Seconds)
                .query("topk(10, histogram_quantile(0.95, sum by (tool, le) (rate(mcp_tool_duration_seconds_bucket{@}[$__range]))))", "{{tool}}"),
        ],
    )
}

fn providers() -> Row {
    row(
        "Providers",
        vec![
            timeseries("Executions by provider", "Tool executions a second.")
                .unit(Unit::PerSecond)
                .query(
                    "sum by (provider) (rate(mcp_tool_executions_total{@}[$__rate_interval]))",
                    "{{provider}}",
                )
                .size(8, 8),
            timeseries(
                "Running and waiting",
                "Executions that run now, and those that wait for a place at their provider.",
            )
            .query("sum by (provider) (mcp_tools_active{@})", "{{provider}} running")
            .query(
                "sum by (provider) (mcp_tool_queue_size{@})",
                "{{provider}} waiting",
            )
            .size(8, 8),
            timeseries(
                "Circuit breakers",
                "0 closed, 1 half-open, 2 open; the worst of all replicas.",
            )
            .query("max by (breaker) (mcp_circuit_breaker_state{@})", "{{breaker}}")
            .bad_above(1.0, 2.0)
            .states(&[("0", "closed"), ("1", "half-open"), ("2", "open")])
            .runbook("CircuitBreakerOpen")
            .max(2.0)
            .size(8, 8),
        ],
    )
}

fn limits() -> Row {
    row(
        "Limits",
        vec![
            timeseries(
                "Calls under limits",
                "Calls a second that limits of each kind let through.",
            )
            .unit(Unit::PerSecond)
            .query("sum by (type) (mcp_rate_limit_current_rps{@})", "{{type}}")
            .capability("limits", "no limits are set"),
            timeseries(
                "Burst used",
                "Largest share of a burst that any bucket had in use.",
            )
            .unit(Unit::Ratio)
            .query("max by (type) (mcp_rate_limit_burst_used{@})", "{{type}}")
            .capability("limits", "no limits are set")
            .bad_above(0.8, 1.0),
        ],
    )
}

fn pcf() -> Row {
    let none = "no provider named pcf is registered";
    row(
        "PCF",
        vec![
            text("", "The view of the PCF guide: the tools of the provider named `pcf`. The guide's names (`pcf_mcp_…`) are other names of these series."),
            timeseries("PCF tool execution time by tool", "p95 of each PCF tool.")
                .unit(Unit::Seconds)
                .query(
                    r#"histogram_quantile(0.95, sum by (le, tool) (rate(mcp_tool_duration_seconds_bucket{provider="pcf",@}[$__rate_interval])))"#,
                    "{{tool}}",
                )
                .capability("pcf", none)
                .size(8, 8),
            timeseries("PCF latency", "PCF tools together: half, 95 and 99 of 100 are done within it.")
                .unit(Unit::Seconds)
                .query(pcf_quantile("0.50"), "p50")
                .query(pcf_quantile("0.95"), "p95")
                .query(pcf_quantile("0.99"), "p99")
                .capability("pcf", none)
                .bad_above(1.0, 5.0)
                .size(8, 8),
            timeseries("PCF error rate", "Share of the PCF tool executions that failed on our side or upstream (5xx).")
                .unit(Unit::Percent)
                .query(
                    r#"100 * (sum(rate(mcp_tool_executions_total{provider="pcf",status=~"5..",@}[$__rate_interval])) or 0 * sum(rate(mcp_tool_executions_total{provider="pcf",@}[$__rate_interval]))) / sum(rate(mcp_tool_executions_total{provider="pcf",@}[$__rate_interval]))"#,
                    "errors",
                )
                .capability("pcf", none)
                .bad_above(1.0, 5.0)
                .size(8, 8),
            timeseries("PCF executions and errors", "PCF tool executions a second by outcome.")
                .unit(Unit::PerSecond)
                .query(
                    r#"sum by (tool, status) (rate(mcp_tool_executions_total{provider="pcf",@}[$__rate_interval]))"#,
                    "{{tool}} {{status}}",
                )
                .capability("pcf", none)
                .size(8, 8),
            timeseries("PCF running and waiting", "Executions that run now, and those that wait for a place.")
                .query(r#"sum(mcp_tools_active{provider="pcf",@})"#, "running")
                .query(r#"sum(mcp_tool_queue_size{provider="pcf",@})"#, "waiting")
                .capability("pcf", none)
                .size(8, 8),
        ],
    )
}

fn pcf_quantile(quantile: &str) -> String {
    format!(
        r#"histogram_quantile({quantile}, sum by (le) (rate(mcp_tool_duration_seconds_bucket{{provider="pcf",@}}[$__rate_interval])))"#
    )
}
