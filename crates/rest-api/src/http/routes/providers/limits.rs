//! Bounds of a provider's calls, as people write them.

use domain::breaker::BreakerLimits;
use domain::provider::CallLimits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bounds of a provider's calls.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsView {
    /// Longest time of one call, in milliseconds.
    #[schema(minimum = 1, maximum = 600_000)]
    pub timeout_ms: u64,
    /// Most calls at once from one process.
    #[schema(minimum = 1, maximum = 1_000)]
    pub concurrency: u32,
    /// Longest wait for a place, in milliseconds.
    #[schema(maximum = 60_000)]
    pub queue_timeout_ms: u64,
    /// Most calls that wait for a place; one more is refused at once.
    #[schema(maximum = 10_000)]
    pub queue_length: u32,
    /// Most bytes of an answer that are handed to the agent.
    #[schema(minimum = 1_024, maximum = 16_777_216)]
    pub max_response_bytes: u64,
    /// When calls are refused at once because the upstream does not work.
    pub breaker: BreakerView,
}

impl Default for LimitsView {
    fn default() -> Self {
        CallLimits::default().into()
    }
}

impl From<CallLimits> for LimitsView {
    fn from(limits: CallLimits) -> Self {
        let CallLimits {
            timeout_ms,
            concurrency,
            queue_timeout_ms,
            queue_length,
            max_response_bytes,
            breaker,
        } = limits;
        Self {
            timeout_ms,
            concurrency,
            queue_timeout_ms,
            queue_length,
            max_response_bytes,
            breaker: breaker.into(),
        }
    }
}

impl From<LimitsView> for CallLimits {
    fn from(limits: LimitsView) -> Self {
        let LimitsView {
            timeout_ms,
            concurrency,
            queue_timeout_ms,
            queue_length,
            max_response_bytes,
            breaker,
        } = limits;
        Self {
            timeout_ms,
            concurrency,
            queue_timeout_ms,
            queue_length,
            max_response_bytes,
            breaker: breaker.into(),
        }
    }
}

/// When a provider's circuit breaker opens, and how it closes again. Each process counts by itself.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerView {
    /// Whether there is one.
    pub enabled: bool,
    /// How far back calls count, in milliseconds.
    #[schema(minimum = 100, maximum = 3_600_000)]
    pub window_ms: u64,
    /// Fewest calls in the window before it may open.
    #[schema(minimum = 1, maximum = 100_000)]
    pub minimum_calls: u32,
    /// Per cent of calls that failed from which it opens.
    #[schema(minimum = 1, maximum = 100)]
    pub failure_percent: u32,
    /// From when on a call is slow, in milliseconds.
    #[schema(minimum = 1, maximum = 600_000)]
    pub slow_call_ms: u64,
    /// Per cent of slow calls from which it opens.
    #[schema(minimum = 1, maximum = 100)]
    pub slow_percent: u32,
    /// How long it stays open, in milliseconds.
    #[schema(minimum = 100, maximum = 3_600_000)]
    pub open_ms: u64,
    /// Calls that are let through after that, to see.
    #[schema(minimum = 1, maximum = 1_000)]
    pub probes: u32,
}

impl Default for BreakerView {
    fn default() -> Self {
        BreakerLimits::default().into()
    }
}

macro_rules! same_fields {
    ($from:ident => $to:ident) => {
        impl From<$from> for $to {
            fn from(limits: $from) -> Self {
                let $from {
                    enabled,
                    window_ms,
                    minimum_calls,
                    failure_percent,
                    slow_call_ms,
                    slow_percent,
                    open_ms,
                    probes,
                } = limits;
                Self {
                    enabled,
                    window_ms,
                    minimum_calls,
                    failure_percent,
                    slow_call_ms,
                    slow_percent,
                    open_ms,
                    probes,
                }
            }
        }
    };
}
same_fields!(BreakerLimits => BreakerView);
same_fields!(BreakerView => BreakerLimits);
