//! What every storage call shows: a span, two metrics, the pool's size, and a line when it was slow.

use std::future::Future;
use std::time::{Duration, Instant};

use domain::StoreError;
use tracing::{Instrument, Span, field};

use crate::fault::Fault;
use crate::outage::Outage;

telemetry::metrics! {
    /// What storage counts (observability contract, section 2).
    pub struct DbMetrics {
        /// Storage calls, each one transaction, by port method, main table and outcome.
        queries: counter "db_query_total" [operation, table, outcome],
        /// Seconds a storage call took, waiting for a connection included.
        duration: histogram "db_query_duration_seconds" [operation, table] buckets LATENCY,
        /// Database connections open.
        pool_size: gauge "db_connection_pool_size" [],
        /// Database connections in use.
        pool_used: gauge "db_connection_pool_used" [],
        /// Times the database could not be used: refused, cut, overloaded, timed out.
        connection_errors: counter "mcp_database_connection_errors_total" [reason],
    }
}

/// Which storage call it is.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The port's method, for example `claim`.
    pub operation: &'static str,
    /// The table that it is about, for example `jobs`.
    pub table: &'static str,
}

/// Watches the calls of one storage.
pub struct Meter {
    metrics: DbMetrics,
    outage: Outage,
    system: &'static str,
    slow: Duration,
    deadline: Duration,
}

impl Meter {
    /// Watches calls to a database of this kind (`postgresql`, `sqlite`: the values of OTel's `db.system.name`).
    /// A call that takes `slow` is logged; one that takes `deadline` is given up.
    pub fn new(metrics: DbMetrics, system: &'static str, slow: Duration, deadline: Duration) -> Self {
        Self {
            metrics,
            outage: Outage::default(),
            system,
            slow,
            deadline,
        }
    }

    /// Runs one call: in its span, within the deadline, counted by its outcome.
    pub async fn observe<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        let span = self.span(call);
        let started = Instant::now();
        let result = tokio::time::timeout(self.deadline, work.instrument(span.clone())).await;
        let result = result.unwrap_or(Err(Fault::TimedOut(self.deadline)));
        match result.as_ref().err().map(Fault::unavailable) {
            Some(Some(reason)) => self.connection_failed(reason),
            None | Some(None) => self.outage.answered(),
        }
        let result = result.map_err(Fault::settle);
        self.record(call, &span, started.elapsed(), result.as_ref().err());
        result
    }

    /// Counts a connection that failed, in a call or outside of one.
    pub fn connection_failed(&self, reason: &str) {
        self.metrics.connection_errors.with([reason]).increment(1);
        // Statements that stood in each other's way were answered.
        if !matches!(reason, "contention" | "statement_timeout") {
            self.outage.failed(reason);
        }
    }

    /// Shows how many connections are open, and of these in use.
    pub fn pool(&self, (size, used): (u32, u32)) {
        self.metrics.pool_size.set(f64::from(size));
        self.metrics.pool_used.set(f64::from(used));
    }

    fn span(&self, Call { operation, table }: Call) -> Span {
        telemetry::propagation::span_of_caller(|| {
            tracing::info_span!(
                "storage",
                otel.name = %format_args!("{operation} {table}"),
                otel.kind = "client",
                db.system.name = self.system,
                db.query.summary = %format_args!("{operation} {table}"),
                db.operation.name = operation,
                db.collection.name = table,
                error.type = field::Empty,
                otel.status_code = field::Empty,
            )
        })
    }

    fn record(&self, call: Call, span: &Span, took: Duration, error: Option<&StoreError>) {
        let Call { operation, table } = call;
        let outcome = outcome(error);
        self.metrics
            .queries
            .with([operation, table, outcome])
            .increment(1);
        self.metrics
            .duration
            .with([operation, table])
            .record_in(span, took.as_secs_f64());
        if matches!(error, Some(StoreError::Unavailable(_) | StoreError::Internal(_))) {
            span.record("error.type", outcome);
            span.record("otel.status_code", "ERROR");
        }
        span.in_scope(|| {
            tracing::debug!(
                event = "database_query_completed",
                operation,
                table,
                outcome,
                duration_ms = telemetry::events::milliseconds(took.as_secs_f64()),
                "query {operation} {table}"
            );
        });
        if took >= self.slow {
            let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            span.in_scope(|| {
                tracing::warn!(
                    event = "slow_query",
                    operation,
                    table,
                    duration_ms,
                    outcome,
                    "slow query {operation} {table}"
                );
            });
        }
    }
}

fn outcome(error: Option<&StoreError>) -> &'static str {
    match error {
        None => "ok",
        Some(StoreError::NotFound) => "not_found",
        Some(StoreError::Conflict { .. }) => "conflict",
        Some(StoreError::Stale) => "stale",
        Some(StoreError::Unavailable(_)) => "unavailable",
        Some(StoreError::Internal(_)) => "internal",
    }
}
