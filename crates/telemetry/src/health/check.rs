//! One registered check.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::HealthMetrics;
use super::report::{CheckReport, CheckStatus};

/// A check that takes longer has failed: a probe must answer within its own time-out.
const TIME_OUT: Duration = Duration::from_secs(2);

type Run = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

pub(super) struct Check {
    pub(super) name: String,
    critical: bool,
    run: Run,
}

impl Check {
    pub(super) fn new<F, R>(name: String, critical: bool, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        Check {
            name,
            critical,
            run: Box::new(move || Box::pin(check())),
        }
    }

    /// Runs it within its time-out and counts the outcome.
    pub(super) async fn report(&self, metrics: &HealthMetrics) -> CheckReport {
        let began = Instant::now();
        let outcome = match tokio::time::timeout(TIME_OUT, (self.run)()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {} s", TIME_OUT.as_secs())),
        };
        let took = began.elapsed();
        let status = match (&outcome, self.critical) {
            (Ok(()), _) => CheckStatus::Healthy,
            (Err(_), false) => CheckStatus::Degraded,
            (Err(_), true) => CheckStatus::Unhealthy,
        };
        metrics
            .total
            .with([self.name.as_str(), status.as_str()])
            .increment(1);
        metrics
            .duration
            .with([self.name.as_str()])
            .record(took.as_secs_f64());
        CheckReport {
            status,
            latency_ms: took.as_secs_f64() * 1_000.0,
            error: outcome.err(),
        }
    }
}
