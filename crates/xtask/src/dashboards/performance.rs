//! MCP Performance: how long things take and what they take it for.

use super::model::{Dashboard, Row, Unit};
use super::panels::{failing, heatmap, quantiles, row, table, timeseries};

const QUANTILES: &[(&str, &str)] = &[
    ("0.50", "p50"),
    ("0.90", "p90"),
    ("0.95", "p95"),
    ("0.99", "p99"),
    ("0.999", "p99.9"),
];

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-performance",
        title: "MCP Performance",
        description: "Response times and their distribution, the database's share, memory, the scheduler, and each endpoint.",
        rows: vec![latency(), resources(), http(), endpoints()],
    }
}

fn latency() -> Row {
    row(
        "Latency",
        vec![
            quantiles(
                timeseries("Response time distribution", "MCP requests: p50, p90, p95, p99, p99.9.")
                    .unit(Unit::Seconds)
                    .bad_above(1.0, 5.0)
                    .runbook("HighLatency"),
                "mcp_request_duration_seconds",
                "{@}",
                QUANTILES,
            ),
            heatmap("Request duration heat map", "How many MCP requests a second fell into each bucket of duration.")
                .unit(Unit::Seconds)
                .query("sum by (le) (rate(mcp_request_duration_seconds_bucket{@}[$__rate_interval]))", "{{le}}"),
            timeseries("Throughput and latency", "Requests a second (left) against p95 (right): when latency rises with throughput, a part is full.")
                .unit(Unit::Requests)
                .query("sum(rate(mcp_requests_total{@}[$__rate_interval]))", "requests")
                .query(
                    "histogram_quantile(0.95, sum by (le) (rate(mcp_request_duration_seconds_bucket{@}[$__rate_interval])))",
                    "p95",
                )
                .on_the_right("p95", Unit::Seconds),
            timeseries("Database query duration by type", "p95 of storage calls by operation, waiting for a connection included.")
                .unit(Unit::Seconds)
                .query(
                    "topk(15, histogram_quantile(0.95, sum by (operation, le) (rate(db_query_duration_seconds_bucket{@}[$__rate_interval]))))",
                    "{{operation}}",
                )
                .bad_above(0.1, 0.5),
        ],
    )
}

fn resources() -> Row {
    row(
        "Process",
        vec![
            timeseries("Memory usage", "Resident memory, what the program holds of it, and what the process may use.")
                .unit(Unit::Bytes)
                .query("process_resident_memory_bytes{@}", "{{service}} resident")
                .query("allocator_allocated_bytes{@}", "{{service}} allocated")
                .query("process_memory_limit_bytes{@}", "{{service}} limit")
                .runbook("HighMemoryUsage"),
            timeseries(
                "Scheduler delay",
                "In place of the guides' garbage collection pause, which Rust has not: how busy the workers are (left), and tasks waiting for one (right).",
            )
            .unit(Unit::Ratio)
            .query("tokio_busy_ratio{@}", "{{service}} busy")
            .query("tokio_global_queue_depth{@}", "{{service}} waiting")
            .on_the_right("waiting", Unit::None)
            .bad_above(0.8, 0.9)
            .runbook("HighCpuUsage"),
            timeseries("Tasks", "Asynchronous tasks that are alive; a line that only rises is a leak.")
                .query("tokio_alive_tasks{@}", "{{service}} {{instance}}")
                .runbook("TaskLeak"),
            timeseries("Connection pool utilization", "Database connections in use, of those open.")
                .unit(Unit::Percent)
                .query("mcp:db:pool_utilization_percent{@}", "{{service}} {{instance}}")
                    .bad_above(80.0, 95.0)
                .runbook("MCPConnectionPoolHighUtilization")
                .no_data("no connection was opened"),
        ],
    )
}

fn http() -> Row {
    row(
        "HTTP",
        vec![
            timeseries("Requests in flight", "HTTP requests being answered.")
                .query("sum by (service) (http_requests_in_flight{@})", "{{service}}")
                .size(8, 7),
            timeseries("Streams", "Streams (SSE) that are open.")
                .query(
                    "sum by (service, path) (http_streams_active{@})",
                    "{{service}} {{path}}",
                )
                .capability("sessions", "no stream was opened")
                .size(8, 7),
            timeseries(
                "MCP sessions",
                "Sessions that are open, by the protocol's version; the newest era has none.",
            )
            .query(
                "sum by (mcp_protocol_version) (mcp_sessions_active{@})",
                "{{mcp_protocol_version}}",
            )
            .capability("sessions", "no session was opened")
            .size(12, 7),
            quantiles(
                timeseries("Response size", "Bytes of HTTP answers: p50 and p99.")
                    .unit(Unit::Bytes)
                    .size(8, 7),
                "http_response_size_bytes",
                "{@}",
                &[("0.50", "p50"), ("0.99", "p99")],
            ),
            quantiles(
                timeseries("Request size", "Bytes of HTTP requests: p50 and p99.")
                    .unit(Unit::Bytes)
                    .size(12, 7),
                "http_request_size_bytes",
                "{@}",
                &[("0.50", "p50"), ("0.99", "p99")],
            ),
        ],
    )
}

fn endpoints() -> Row {
    row(
        "Endpoints",
        vec![
            table("Endpoint performance summary", "Each MCP endpoint in this time.")
                .query("sum by (endpoint) (rate(mcp_requests_total{@}[$__range]))", "")
                .query(
                    "sum by (endpoint) (rate(mcp_request_duration_seconds_sum{@}[$__range])) / sum by (endpoint) (rate(mcp_request_duration_seconds_count{@}[$__range]))",
                    "",
                )
                .query("histogram_quantile(0.95, sum by (endpoint, le) (rate(mcp_request_duration_seconds_bucket{@}[$__range])))", "")
                .query("histogram_quantile(0.99, sum by (endpoint, le) (rate(mcp_request_duration_seconds_bucket{@}[$__range])))", "")
                .query(failing("mcp_requests_total", "endpoint"), "")
                .columns(),
            table("HTTP path performance summary", "Each HTTP path in this time.")
                .query(r#"sum by (service, method, path) (rate(http_requests_total{path!~"/metrics|/health.*",@}[$__range]))"#, "")
                .query(
                    r#"sum by (service, method, path) (rate(http_request_duration_seconds_sum{path!~"/metrics|/health.*",@}[$__range])) / sum by (service, method, path) (rate(http_request_duration_seconds_count{path!~"/metrics|/health.*",@}[$__range]))"#,
                    "",
                )
                .query(
                    r#"histogram_quantile(0.95, sum by (service, method, path, le) (rate(http_request_duration_seconds_bucket{path!~"/metrics|/health.*",@}[$__range])))"#,
                    "",
                )
                .query(
                    r#"histogram_quantile(0.99, sum by (service, method, path, le) (rate(http_request_duration_seconds_bucket{path!~"/metrics|/health.*",@}[$__range])))"#,
                    "",
                )
                .columns(),
        ],
    )
}
