//! All latches and checks of one service.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::check::Check;
use super::latch::LatchState;
use super::{CheckReport, CheckStatus, HealthMetrics, Latch, Readiness};
use crate::clock;

/// Outcomes are reused for this long, so that probing costs the back ends little, however many probe.
const FRESH: Duration = Duration::from_millis(250);

type Outcomes = BTreeMap<String, CheckReport>;

/// The health of one service. Cheap to clone.
#[derive(Clone)]
pub struct Health(Arc<Shared>);

struct Shared {
    checks: Mutex<Vec<Arc<Check>>>,
    latches: Mutex<Vec<Arc<LatchState>>>,
    stopping: AtomicBool,
    last: tokio::sync::Mutex<Option<(Instant, Outcomes)>>,
    metrics: HealthMetrics,
}

impl Health {
    pub(crate) fn new(metrics: HealthMetrics) -> Self {
        Health(Arc::new(Shared {
            checks: Mutex::default(),
            latches: Mutex::default(),
            stopping: AtomicBool::new(false),
            last: tokio::sync::Mutex::new(None),
            metrics,
        }))
    }

    /// Registers a check; one of the same name is replaced. A critical one that fails makes the service not ready,
    /// another only degrades it (an upstream API must never take the service out of rotation).
    /// It has two seconds to answer. The error text is shown at `/health/ready`: no secrets in it.
    pub fn register<F, R>(&self, name: impl Into<String>, critical: bool, check: F)
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        let check = Check::new(name.into(), critical, check);
        let mut checks = lock(&self.0.checks);
        checks.retain(|known| known.name != check.name);
        checks.push(Arc::new(check));
    }

    /// A part that has to become ready first: the service is neither started nor ready while the latch is closed.
    #[must_use = "a dropped latch is open"]
    pub fn latch(&self, name: impl Into<String>) -> Latch {
        let state = Arc::new(LatchState::new(name.into()));
        lock(&self.0.latches).push(Arc::clone(&state));
        Latch(state)
    }

    /// Says that the service is going down: it is not ready any more, whatever the checks say.
    pub fn stopping(&self) {
        self.0.stopping.store(true, SeqCst);
    }

    /// Names of the latches that are still closed. Empty: the service has started.
    #[must_use]
    pub fn closed_latches(&self) -> Vec<String> {
        let mut latches = lock(&self.0.latches);
        latches.retain(|latch| !latch.is_open());
        latches.iter().map(|latch| latch.name.clone()).collect()
    }

    /// Runs the checks, all at once, and answers whether the service should get traffic.
    pub async fn readiness(&self) -> Readiness {
        let mut checks = self.outcomes().await;
        for name in self.closed_latches() {
            checks.insert(name, unhealthy("not ready yet"));
        }
        if self.0.stopping.load(SeqCst) {
            checks.insert("shutdown".to_owned(), unhealthy("the service is stopping"));
        }
        let ready = checks
            .values()
            .all(|check| check.status != CheckStatus::Unhealthy);
        let status = if ready { "ready" } else { "not_ready" };
        Readiness {
            status,
            timestamp: clock::rfc3339(clock::now()),
            checks,
        }
    }

    /// One round of checks for all who ask at the same time.
    async fn outcomes(&self) -> Outcomes {
        let mut last = self.0.last.lock().await;
        if let Some((when, outcomes)) = &*last
            && when.elapsed() < FRESH
        {
            return outcomes.clone();
        }
        let checks = lock(&self.0.checks).clone();
        let reports = checks.iter().map(|check| check.report(&self.0.metrics));
        let reports = join_all(reports).await;
        let outcomes: Outcomes = checks
            .iter()
            .map(|check| check.name.clone())
            .zip(reports)
            .collect();
        *last = Some((Instant::now(), outcomes.clone()));
        outcomes
    }
}

fn unhealthy(error: &str) -> CheckReport {
    CheckReport {
        status: CheckStatus::Unhealthy,
        latency_ms: 0.0,
        error: Some(error.to_owned()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MetricsConfig;
    use crate::metrics::Registry;

    fn health() -> Health {
        let registry = Registry::new("test", "test", &MetricsConfig::default());
        Health::new(HealthMetrics::in_registry(&registry))
    }

    #[tokio::test]
    async fn a_failing_critical_check_takes_the_service_out_and_another_only_degrades_it() {
        let health = health();
        health.register("upstream", false, || async { Err("502".to_owned()) });
        let degraded = health.readiness().await;
        assert!(degraded.is_ready());
        assert_eq!(degraded.checks["upstream"].status, CheckStatus::Degraded);

        let health = self::health();
        health.register("database", true, || async { Err("refused".to_owned()) });
        let down = health.readiness().await;
        assert!(!down.is_ready());
        assert_eq!(down.checks["database"].error.as_deref(), Some("refused"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_fails_and_does_not_hold_up_the_others() {
        let health = health();
        health.register("stuck", true, std::future::pending);
        health.register("fine", true, || async { Ok(()) });
        let readiness = health.readiness().await;
        assert_eq!(
            readiness.checks["stuck"].error.as_deref(),
            Some("no answer within 2 s")
        );
        assert_eq!(readiness.checks["fine"].status, CheckStatus::Healthy);
    }

    #[tokio::test]
    async fn the_service_is_ready_once_every_latch_is_open_and_until_it_stops() {
        let health = health();
        let (migrations, consumers) = (health.latch("migrations"), health.latch("consumers"));
        assert!(!health.readiness().await.is_ready());
        migrations.open();
        assert_eq!(health.closed_latches(), ["consumers"]);
        drop(consumers);
        assert!(health.readiness().await.is_ready());
        health.stopping();
        let stopping = health.readiness().await;
        assert!(!stopping.is_ready() && stopping.checks.contains_key("shutdown"));
    }
}
