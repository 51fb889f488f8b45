//! MCP SLO: the objectives, what is left of the budgets, and how fast they burn.

use super::model::{Dashboard, Row, Unit};
use super::panels::{row, stat, table, text, timeseries};

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-slo",
        title: "MCP SLO",
        description: "Availability 99.9 % over 30 days; p95 latency 0.5 s over 7 days; an error budget of 0.1 % over 30 days.",
        rows: vec![objectives(), burning(), courses()],
    }
}

fn objectives() -> Row {
    row(
        "Objectives",
        vec![
            stat("SLO status", "Share of the requests of 30 days that had no error of ours. Green from 99.9 %, yellow from 99.5 %.")
                .unit(Unit::Ratio)
                .query("devmesh:slo_availability:ratio30d{%}", "{{service}}")
                .good_above(0.995, 0.999)
                .runbook("AvailabilityBudgetBurn")
                .size(6, 6),
            stat("SLO status of HTTP", "The guides' own query: HTTP requests of all services over 30 days that did not end with 5xx.")
                .unit(Unit::Ratio)
                .query(
                    r#"1 - (sum(rate(http_requests_total{status=~"5..",@}[30d])) or 0 * sum(rate(http_requests_total{@}[30d]))) / sum(rate(http_requests_total{@}[30d]))"#,
                    "",
                )
                .good_above(0.995, 0.999)
                .size(6, 6),
            stat("Error budget left", "Of the 0.1 % of 30 days: 100 % is untouched, below 0 the objective is missed.")
                .unit(Unit::Ratio)
                .query("devmesh:slo_error_budget:remaining_ratio{%}", "{{service}}")
                .good_above(0.0, 0.25)
                .runbook("AvailabilityBudgetBurn")
                .size(6, 6),
            stat("Within 0.5 s, 7 days", "Share of the requests of 7 days that were answered within 0.5 s; the objective is 95 %.")
                .unit(Unit::Ratio)
                .query("1 - devmesh:slo_slow:ratio_rate7d{%}", "{{service}}")
                .good_above(0.9, 0.95)
                .runbook("LatencyBudgetBurn")
                .size(6, 6),
            stat("p95, 7 days", "95 of 100 MCP requests of 7 days were answered within this time; the objective is 0.5 s.")
                .unit(Unit::Seconds)
                .query("histogram_quantile(0.95, sum by (le) (rate(mcp_request_duration_seconds_bucket{@}[7d])))", "")
                .bad_above(0.5, 1.0)
                .runbook("LatencyBudgetBurn")
                .size(6, 6),
            text("", "**An error** is a 5xx at mcp-server or under `/api/` of rest-api; what the caller got wrong is none. **Burn rate 1** spends the budget of 30 days in 30 days. It pages at 14.4 over 1 h, 6 over 6 h; it tells at 3 over a day, 1 over 3 days.")
                .size(18, 6),
        ],
    )
}

fn burning() -> Row {
    row(
        "Burn rates",
        vec![
            table(
                "Availability budget",
                "How many times too fast the error budget is spent, over each window.",
            )
            .burn("devmesh:slo_errors:ratio_rate", "0.001")
            .runbook("AvailabilityBudgetBurn")
            .size(12, 6),
            table(
                "Latency budget",
                "How many times too fast the latency budget is spent, over each window.",
            )
            .burn("devmesh:slo_slow:ratio_rate", "0.05")
            .runbook("LatencyBudgetBurn")
            .size(12, 6),
        ],
    )
}

fn courses() -> Row {
    row(
        "Courses",
        vec![
            timeseries("Availability burn rate", "Over 1 h, by service; 14.4 pages.")
                .query("devmesh:slo_errors:ratio_rate1h{%} / 0.001", "{{service}} 1h")
                .query("devmesh:slo_errors:ratio_rate6h{%} / 0.001", "{{service}} 6h")
                .bad_above(6.0, 14.4)
                .runbook("AvailabilityBudgetBurn"),
            timeseries("Latency burn rate", "Over 1 h, by service; 14.4 pages.")
                .query("devmesh:slo_slow:ratio_rate1h{%} / 0.05", "{{service}} 1h")
                .query("devmesh:slo_slow:ratio_rate6h{%} / 0.05", "{{service}} 6h")
                .bad_above(6.0, 14.4)
                .runbook("LatencyBudgetBurn"),
            timeseries("Error budget over time", "What is left of the budget of 30 days.")
                .unit(Unit::Ratio)
                .query("devmesh:slo_error_budget:remaining_ratio{%}", "{{service}}")
                .max(1.0),
            timeseries(
                "Success rate by endpoint",
                "Share of MCP requests answered with 2xx or 3xx.",
            )
            .unit(Unit::Percent)
            .query("mcp:requests:success_rate{%}", "{{endpoint}}")
            .max(100.0),
        ],
    )
}
