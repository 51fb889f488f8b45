//! MCP Database & Queue: where the work is kept and how it moves.

use super::model::{Dashboard, Needs, Row, Unit};
use super::panels::{logs, row, stat, timeseries};

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-database",
        title: "MCP Database & Queue",
        description: "Storage calls and connections, caches, the queue, jobs, the audit spool, the links between the services.",
        rows: vec![database(), cache(), queue(), jobs(), links()],
    }
}

fn database() -> Row {
    row(
        "Database",
        vec![
            timeseries("Connections", "Open, and in use.")
                .query("sum by (service) (db_connection_pool_size{@})", "{{service}} open")
                .query("sum by (service) (db_connection_pool_used{@})", "{{service}} in use")
                .runbook("MCPConnectionPoolHighUtilization")
                .size(8, 8),
            timeseries("Queries by operation", "Storage calls a second, each one transaction.")
                .unit(Unit::PerSecond)
                .query("topk(15, sum by (operation) (rate(db_query_total{@}[$__rate_interval])))", "{{operation}}")
                .size(8, 8),
            timeseries("Query duration by table", "p95 by main table, waiting for a connection included.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.95, sum by (table, le) (rate(db_query_duration_seconds_bucket{@}[$__rate_interval])))",
                    "{{table}}",
                )
                .bad_above(0.1, 0.5)
                .size(8, 8),
            timeseries("Failed queries", "Storage calls a second that did not end well, by outcome.")
                .unit(Unit::PerSecond)
                .query(r#"sum by (operation, outcome) (rate(db_query_total{outcome!="ok",@}[$__rate_interval]))"#, "{{operation}} {{outcome}}")
                .incident("all queries ended well"),
            timeseries("Connection errors", "Times a second that the database could not be used.")
                .unit(Unit::PerSecond)
                .query("sum by (service, reason) (rate(mcp_database_connection_errors_total{@}[$__rate_interval]))", "{{service}} {{reason}}")
                .incident("the database answered always")
                .runbook("DatabaseConnectionFailure"),
            logs("Slow queries", "Storage calls and cache operations above the threshold, by the statement's name; never its values.")
                .query(r#"{job="mcp-services",service=~"$service"} |= "slow_" | json | event=~"slow_query|slow_cache_operation""#, "")
                .size(24, 6),
        ],
    )
}

fn cache() -> Row {
    row(
        "Cache",
        vec![
            timeseries("Hit ratio", "Reads that found a value, of all reads.")
                .unit(Unit::Ratio)
                .query(
                    "sum by (cache) (rate(cache_hits_total{@}[$__rate_interval])) / (sum by (cache) (rate(cache_hits_total{@}[$__rate_interval])) + sum by (cache) (rate(cache_misses_total{@}[$__rate_interval])))",
                    "{{cache}}",
                )
                .capability("cache", "no cache was read")
                .max(1.0)
                .size(8, 8),
            timeseries("Size and evictions", "Bytes of the in-process cache (left), and entries given up because it was full (right).")
                .unit(Unit::Bytes)
                .query("sum by (service, cache) (cache_size_bytes{@})", "{{service}} {{cache}}")
                .query("sum by (service, cache) (rate(cache_evictions_total{@}[$__rate_interval]))", "{{service}} {{cache}} evictions")
                .which_needs(Needs::Incident)
                .on_the_right("evictions", Unit::PerSecond)
                .capability("cache", "no in-process cache")
                .size(8, 8),
            timeseries("Operation latency", "p99 of the cache's operations: Redis, where it is configured.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.99, sum by (operation, le) (rate(cache_operation_duration_seconds_bucket{@}[$__rate_interval])))",
                    "{{operation}}",
                )
                .capability("cache", "no operation")
                .bad_above(0.01, 0.1)
                .size(8, 8),
            timeseries("Redis operations", "Commands a second that Redis ran, by its own count.")
                .unit(Unit::PerSecond)
                .query("max(redis_instantaneous_ops_per_sec{@})", "commands")
                .capability("redis", "no Redis is configured")
                .size(8, 8),
            timeseries("Redis memory", "Bytes that Redis holds.")
                .unit(Unit::Bytes)
                .query("max(redis_used_memory_bytes{@})", "used")
                .capability("redis", "no Redis is configured")
                .size(8, 8),
            timeseries("Redis clients", "Clients that are connected, and those that wait in a blocking command.")
                .query("max(redis_connected_clients{@})", "connected")
                .query("max(redis_blocked_clients{@})", "blocked")
                .capability("redis", "no Redis is configured")
                .size(8, 8),
        ],
    )
}

fn queue() -> Row {
    row(
        "Queue",
        vec![
            timeseries("Queue depth", "Jobs that are due and not yet running.")
                .query("max by (queue) (mcp_queue_depth{@})", "{{queue}}")
                .runbook("QueueOld"),
            timeseries("Oldest job", "Age of the oldest job that is due and not yet running.")
                .unit(Unit::Seconds)
                .query("max by (queue) (mcp_queue_oldest_age_seconds{@})", "{{queue}}")
                .bad_above(60.0, 300.0)
                .runbook("QueueOld"),
            timeseries("Outbox", "Jobs that the relay has not yet published.")
                .query("max by (queue) (mcp_outbox_pending{@})", "{{queue}}")
                .bad_above(50.0, 100.0)
                .runbook("OutboxPending"),
            timeseries("Queue operation latency", "p95 of the queue's operations; publish lasts until the broker has confirmed.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.95, sum by (operation, le) (rate(queue_operation_duration_seconds_bucket{@}[$__rate_interval])))",
                    "{{operation}}",
                ),
        ],
    )
}

fn jobs() -> Row {
    row(
        "Jobs",
        vec![
            timeseries("Jobs published and ended", "A second; ended by how.")
                .unit(Unit::PerSecond)
                .query("sum(rate(mcp_jobs_published_total{@}[$__rate_interval]))", "published")
                .query("sum by (outcome) (rate(mcp_jobs_processed_total{@}[$__rate_interval]))", "{{outcome}}")
                .runbook("JobsFailing"),
            timeseries("Run time by kind", "p95 of an attempt.")
                .unit(Unit::Seconds)
                .query("histogram_quantile(0.95, sum by (job_type, le) (rate(mcp_job_duration_seconds_bucket{@}[$__rate_interval])))", "{{job_type}}"),
            timeseries("Wait by kind", "p95 from when a job was due to when an attempt began.")
                .unit(Unit::Seconds)
                .query("histogram_quantile(0.95, sum by (job_type, le) (rate(mcp_job_wait_seconds_bucket{@}[$__rate_interval])))", "{{job_type}}")
                .runbook("QueueOld"),
            timeseries("Retried and put aside", "Attempts tried again, and messages that cannot be read, a second.")
                .unit(Unit::PerSecond)
                .query("sum by (job_type) (rate(mcp_jobs_retried_total{@}[$__rate_interval]))", "{{job_type}} retried")
                .query("sum by (job_type) (rate(mcp_jobs_dead_lettered_total{@}[$__rate_interval]))", "{{job_type}} put aside")
                .incident("none")
                .runbook("DeadLetters"),
            stat("Jobs in doubt", "Writes that were cut off and wait for a person.")
                .query("sum(max by (job_type) (mcp_jobs_in_doubt{@}))", "")
                .bad_above(1.0, 10.0)
                .no_data("none")
                .runbook("JobsInDoubt")
                .size(6, 6),
        ],
    )
}

fn links() -> Row {
    row(
        "Between the services",
        vec![
            timeseries("Audit spool", "Bytes of audit records on disk that rest-api has not acknowledged yet.")
                .unit(Unit::Bytes)
                .query("mcp_audit_spool_bytes{@}", "{{service}} {{instance}}")
                .runbook("AuditSpoolFilling")
                .size(8, 8),
            timeseries("Catalogue age", "Seconds since the edge last heard from the control plane.")
                .unit(Unit::Seconds)
                .query("mcp_catalogue_age_seconds{@}", "{{service}} {{instance}}")
                .bad_above(30.0, 60.0)
                .runbook("CatalogueStale")
                .size(8, 8),
            timeseries("gRPC calls", "Calls a second between the services by code.")
                .unit(Unit::PerSecond)
                .query(r#"sum by (grpc_service, code) (rate(grpc_requests_total{side="server",@}[$__rate_interval]))"#, "{{grpc_service}} {{code}}")
                .size(8, 8),
        ],
    )
}
