//! MCP Errors & Debugging: what fails, where, and the lines and states that say why.

use super::model::{Dashboard, Needs, Row, Unit};
use super::panels::{logs, piechart, row, stat, timeseries};

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-errors",
        title: "MCP Errors & Debugging",
        description: "Errors by status, type and tool; retries, circuit breakers, refusals; the log lines behind them.",
        rows: vec![errors(), recovery(), refusals(), losses(), lines()],
    }
}

fn errors() -> Row {
    row(
        "Errors",
        vec![
            timeseries("Error rate by HTTP status code", "HTTP answers a second with 4xx or 5xx.")
                .unit(Unit::PerSecond)
                .query(
                    r#"sum by (service, status) (rate(http_requests_total{status=~"[45]..",@}[$__rate_interval]))"#,
                    "{{service}} {{status}}",
                )
                .incident("no HTTP error")
                .runbook("HighErrorRate")
                .stacked(),
            timeseries("MCP errors by status code", "MCP requests a second that failed, by the code that fits the outcome.")
                .unit(Unit::PerSecond)
                .query(
                    r#"sum by (endpoint, status) (rate(mcp_requests_total{status=~"[45]..",@}[$__rate_interval]))"#,
                    "{{endpoint}} {{status}}",
                )
                .incident("no MCP request failed")
                .runbook("MCPHighErrorRate")
                .stacked(),
            piechart("Error distribution by type", "Failed MCP requests in this time, by the kind of the error.")
                .query("sum by (error_type) (increase(mcp_errors_total{@}[$__range]))", "{{error_type}}")
                .incident("no error"),
            timeseries("Errors by tool", "Failed tool executions a second, with their kind.")
                .unit(Unit::PerSecond)
                .query(
                    "sum by (tool, error_type) (rate(mcp_tool_errors_total{@}[$__rate_interval]))",
                    "{{tool}} {{error_type}}",
                )
                .incident("no tool failed")
                .size(18, 8),
        ],
    )
}

fn recovery() -> Row {
    row(
        "Retries and circuit breakers",
        vec![
            timeseries(
                "Retry rate",
                "Job attempts without an effect that are tried again, a second.",
            )
            .unit(Unit::PerSecond)
            .query(
                "sum by (job_type) (rate(mcp_jobs_retried_total{@}[$__rate_interval]))",
                "job {{job_type}}",
            )
            .incident("nothing was retried")
            .runbook("JobsFailing")
            .size(8, 8),
            stat(
                "Circuit breaker status",
                "Of each provider, the worst of all replicas: 0 closed, 1 half-open, 2 open.",
            )
            .query("max by (breaker) (mcp_circuit_breaker_state{@})", "{{breaker}}")
            .bad_above(1.0, 2.0)
            .states(&[("0", "closed"), ("1", "half-open"), ("2", "open")])
            .runbook("CircuitBreakerOpen")
            .no_data("no provider was called yet")
            .size(8, 8),
            timeseries(
                "Circuit breaker calls",
                "Calls that breakers took for failed and for answered, and how often they opened.",
            )
            .unit(Unit::PerSecond)
            .query(
                "sum by (breaker) (rate(mcp_circuit_breaker_success_total{@}[$__rate_interval]))",
                "{{breaker}} answered",
            )
            .query(
                "sum by (breaker) (rate(mcp_circuit_breaker_failures_total{@}[$__rate_interval]))",
                "{{breaker}} failed",
            )
            .which_needs(Needs::Incident)
            .query(
                "sum by (breaker) (rate(mcp_circuit_breaker_trips_total{@}[$__rate_interval]))",
                "{{breaker}} opened",
            )
            .which_needs(Needs::Incident)
            .runbook("CircuitBreakerOpen")
            .size(8, 8),
        ],
    )
}

fn refusals() -> Row {
    row(
        "Refusals",
        vec![
            timeseries(
                "Authentication",
                "Attempts a second by outcome and the way the key came.",
            )
            .unit(Unit::PerSecond)
            .query(
                "sum by (method, outcome) (rate(mcp_auth_attempts_total{@}[$__rate_interval]))",
                "{{method}} {{outcome}}",
            )
            .runbook("AuthenticationFailures")
            .size(8, 8),
            timeseries(
                "Rate limits",
                "Calls a second that a limit refused: of a key, of a tenant, of a tool or provider.",
            )
            .unit(Unit::PerSecond)
            .query(
                "sum by (limit) (rate(mcp_rate_limit_agent_exceeded_total{@}[$__rate_interval]))",
                "key {{limit}}",
            )
            .query(
                "sum by (limit) (rate(mcp_rate_limit_tenant_exceeded_total{@}[$__rate_interval]))",
                "tenant {{limit}}",
            )
            .query(
                "sum by (limit) (rate(mcp_rate_limit_capability_exceeded_total{@}[$__rate_interval]))",
                "tool {{limit}}",
            )
            .incident("no limit was reached")
            .size(8, 8),
            timeseries(
                "Refused per tenant",
                "Calls a second that a tenant's limits of any kind refused.",
            )
            .unit(Unit::PerSecond)
            .query(
                "topk(10, sum by (tenant_id) (rate(mcp_tenant_rate_limit_hits_total{@}[$__rate_interval])))",
                "{{tenant_id}}",
            )
            .incident("no tenant reached a limit")
            .size(8, 8),
        ],
    )
}

fn losses() -> Row {
    row(
        "What must stay empty",
        vec![
            timeseries("Panics", "Handlers that panicked, a second; each is a bug.")
                .unit(Unit::PerSecond)
                .query(
                    "sum by (service, path) (rate(http_panics_total{@}[$__rate_interval]))",
                    "{{service}} {{path}}",
                )
                .incident("no panic")
                .size(8, 7),
            timeseries(
                "Database unusable",
                "Times a second that the database refused, cut, was overloaded or timed out.",
            )
            .unit(Unit::PerSecond)
            .query(
                "sum by (reason) (rate(mcp_database_connection_errors_total{@}[$__rate_interval]))",
                "{{reason}}",
            )
            .incident("the database answered always")
            .runbook("DatabaseConnectionFailure")
            .size(8, 7),
            timeseries(
                "Audit and telemetry lost",
                "Audit records that could not be kept, and log lines and spans that were dropped, a second.",
            )
            .unit(Unit::PerSecond)
            .query(
                "sum by (reason) (rate(mcp_audit_records_lost_total{@}[$__rate_interval]))",
                "audit {{reason}}",
            )
            .query(
                "sum by (signal, reason) (rate(telemetry_dropped_total{@}[$__rate_interval]))",
                "{{signal}} {{reason}}",
            )
            .incident("nothing was lost")
            .runbook("TelemetryDropping")
            .size(8, 7),
        ],
    )
}

fn lines() -> Row {
    row(
        "Log lines",
        vec![
            logs("Live error log", "Errors of the chosen services as they come; a line opens with its trace.")
                .query(r#"{job="mcp-services",level=~"ERROR|CRITICAL",service=~"$service"} | json"#, ""),
            logs("Recent 5xx errors with context", "The closing lines of requests, calls and jobs that failed: who, what, outcome, duration, trace.")
                .query(r#"{job="mcp-services",service=~"$service"} | json | status=~"5..""#, ""),
            logs("Incidents", "Alerts of priority P0 and P1, as Alertmanager told rest-api.")
                .query(r#"{job="mcp-services",service="rest-api"} |= "incident_" | json | event=~"incident_opened|incident_resolved""#, "")
                .size(24, 6),
        ],
    )
}
