//! Health: latches that say when a part is ready, and checks that say whether it still is.

mod check;
mod latch;
mod registry;
mod report;

pub use latch::Latch;
pub use registry::Health;
pub use report::{CheckReport, CheckStatus, Readiness};

crate::metrics! {
    /// What health checks found.
    pub struct HealthMetrics {
        /// Health checks run, by their outcome (healthy, degraded, unhealthy).
        total: counter "health_check_total" [check, status],
        /// Seconds that a health check took.
        duration: histogram "health_check_duration_seconds" [check] buckets LATENCY,
    }
}
