//! MCP Overview: the home page. Is it up, is it fast, does it fail, who uses it.

use super::model::{Dashboard, Row, Unit};
use super::panels::{bargauge, failing, gauge, quantiles, row, stat, table, timeseries};

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-overview",
        title: "MCP Overview",
        description: "The state of the mesh at a glance: traffic, errors, latency, resources, alerts.",
        rows: vec![now(), traffic(), endpoints(), resources(), outside()],
    }
}

fn now() -> Row {
    row(
        "Now",
        vec![
            stat("Services up", "Targets that Prometheus reaches, of those that it knows.")
                .query(r#"count(up{job=~"mcp-server|rest-api|worker"} == 1)"#, "up")
                .query(r#"count(up{job=~"mcp-server|rest-api|worker"})"#, "known")
                .no_data("no targets")
                .runbook("ServiceDown"),
            stat("MCP requests", "Requests over MCP a second.")
                .unit(Unit::Requests)
                .query("sum(rate(mcp_requests_total{@}[$__rate_interval]))", ""),
            stat("Errors", "Share of the MCP requests that failed on our side or upstream (5xx).")
                .unit(Unit::Percent)
                .query(failing("mcp_requests_total", ""), "")
                .bad_above(1.0, 5.0)
                .runbook("HighErrorRate"),
            stat("p95", "95 of 100 MCP requests were answered within this time.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.95, sum by (le) (rate(mcp_request_duration_seconds_bucket{@}[$__rate_interval])))",
                    "",
                )
                .bad_above(1.0, 2.0)
                .runbook("MCPHighLatency"),
            stat("Availability, 30 days", "Share of the requests without an error of ours; the objective is 99.9 %.")
                .unit(Unit::Ratio)
                .query("min(devmesh:slo_availability:ratio30d{%})", "")
                .good_above(0.995, 0.999)
                .runbook("AvailabilityBudgetBurn"),
            stat("Alerts firing", "Without the Watchdog, which always fires.")
                .query(r#"count(ALERTS{alertstate="firing",product="devmesh"}) - 1"#, "")
                .bad_above(1.0, 3.0)
                .no_data("no rules loaded"),
        ],
    )
}

fn traffic() -> Row {
    row(
        "Traffic",
        vec![
            timeseries("Request rate", "MCP requests a second by endpoint (JSON-RPC method) and method (the door).")
                .unit(Unit::Requests)
                .query(
                    "sum by (endpoint, method) (rate(mcp_requests_total{@}[$__rate_interval]))",
                    "{{endpoint}} {{method}}",
                ),
            quantiles(
                timeseries("Latency", "How long MCP requests take: half, 95 and 99 of 100 are answered within it.")
                    .unit(Unit::Seconds)
                    .bad_above(1.0, 5.0)
                    .runbook("HighLatency"),
                "mcp_request_duration_seconds",
                "{@}",
                &[("0.50", "p50"), ("0.95", "p95"), ("0.99", "p99")],
            ),
            timeseries("Error rate", "Share of MCP requests and of HTTP requests that ended with 5xx.")
                .unit(Unit::Percent)
                .query(failing("mcp_requests_total", "service"), "MCP {{service}}")
                .query(failing("http_requests_total", "service"), "HTTP {{service}}")
                .bad_above(1.0, 5.0)
                .runbook("HighErrorRate"),
            timeseries("HTTP request rate by service", "HTTP requests a second of each service, probes and scrapes included.")
                .unit(Unit::Requests)
                .query("sum by (service) (rate(http_requests_total{@}[$__rate_interval]))", "{{service}}"),
            timeseries("HTTP p95 latency by service", "95 of 100 HTTP requests were answered within this time.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket{@}[$__rate_interval])))",
                    "{{service}}",
                ),
            timeseries("Errors by type", "Failed MCP requests a second by the kind of the error.")
                .unit(Unit::PerSecond)
                .query("sum by (error_type) (rate(mcp_errors_total{@}[$__rate_interval]))", "{{error_type}}")
                .incident("no request failed")
                .stacked(),
        ],
    )
}

fn endpoints() -> Row {
    row(
        "Endpoints",
        vec![
            bargauge("Top endpoints by traffic", "The ten endpoints and tools with the most MCP requests in this time.")
                .query("topk(10, sum by (endpoint, tool) (increase(mcp_requests_total{@}[$__range])))", "{{endpoint}} {{tool}}"),
            bargauge("Slowest endpoints", "The ten slowest: p95 of HTTP paths and of MCP endpoints.")
                .unit(Unit::Seconds)
                .query(
                    r#"topk(10, histogram_quantile(0.95, sum by (service, path, le) (rate(http_request_duration_seconds_bucket{path=~"/api/.*",@}[$__range]))))"#,
                    "{{service}} {{path}}",
                )
                .query(
                    "topk(10, histogram_quantile(0.95, sum by (endpoint, le) (rate(mcp_request_duration_seconds_bucket{@}[$__range]))))",
                    "{{endpoint}}",
                )
                .bad_above(1.0, 5.0)
                .runbook("MCPEndpointSlow"),
            timeseries("Request rate by tool", "Tool calls a second.")
                .unit(Unit::Requests)
                .query(r#"topk(20, sum by (tool) (rate(mcp_requests_total{tool!="",@}[$__rate_interval])))"#, "{{tool}}"),
            timeseries("p99 by tool", "99 of 100 calls of a tool were done within this time.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.99, sum by (tool, le) (rate(mcp_tool_duration_seconds_bucket{@}[$__rate_interval])))",
                    "{{tool}}",
                ),
        ],
    )
}

fn resources() -> Row {
    row(
        "Resources",
        vec![
            gauge("Active connections", "Connections that are open now.")
                .query("sum by (service) (http_connections_active{@})", "{{service}}"),
            gauge("Active requests", "Tool calls that run now.")
                .query("sum by (service) (mcp_requests_active{@})", "{{service}}")
                .no_data("no tool was called yet"),
            timeseries("CPU usage", "Of what the process may use (its cgroup, else the host).")
                .unit(Unit::Percent)
                .query("mcp:cpu:usage_percent{@}", "{{service}} {{instance}}")
                .bad_above(80.0, 90.0)
                .runbook("HighCpuUsage"),
            timeseries("Memory usage", "Resident memory, of what the process may use.")
                .unit(Unit::Ratio)
                .query("process_resident_memory_bytes{@} / process_memory_limit_bytes{@}", "{{service}} {{instance}}")
                .bad_above(0.8, 0.9)
                .runbook("HighMemoryUsage"),
            table("Firing alerts", "What fires now; Runbooks above says what to do. The Watchdog always fires.")
                .query(
                    r#"sum by (alertname, priority, severity, team, service) (ALERTS{alertstate="firing",product="devmesh"})"#,
                    "",
                )
                .column("alertname", "alert", Unit::None)
                .column("Value", "series", Unit::None)
                .no_data("no rules loaded")
                .size(12, 8),
            table("Versions", "What runs, and how many of it.")
                .query("sum by (service, environment, version, revision) (mcp_build_info{@})", "")
                .column("Value", "instances", Unit::None)
                .no_data("nothing is scraped")
                .size(12, 8),
        ],
    )
}

fn outside() -> Row {
    let none = "no blackbox exporter probes the mesh";
    row(
        "From outside",
        vec![
            timeseries(
                "Probes",
                "Whether each door answers a probe from outside: 1 or 0.",
            )
            .query(r#"probe_success{job="blackbox-http"}"#, "{{instance}}")
            .capability("blackbox", none)
            .states(&[("0", "fails"), ("1", "answers")])
            .max(1.0)
            .size(8, 7),
            timeseries(
                "Probe duration",
                "How long a probe takes, connection and TLS included.",
            )
            .unit(Unit::Seconds)
            .query(r#"probe_duration_seconds{job="blackbox-http"}"#, "{{instance}}")
            .capability("blackbox", none)
            .bad_above(1.0, 2.0)
            .size(8, 7),
            stat(
                "Certificate ends in",
                "Time until the first certificate of a listener ends; the alert comes at 7 days.",
            )
            .unit(Unit::Seconds)
            .query(
                r#"min(tls_certificate_expiry_timestamp_seconds or probe_ssl_earliest_cert_expiry{job="blackbox-http"}) - time()"#,
                "",
            )
            .capability("tls", "no listener has TLS")
            .good_above(604_800.0, 2_592_000.0)
            .size(8, 7),
        ],
    )
}
