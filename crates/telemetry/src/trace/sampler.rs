//! Which traces are exported: the caller's decision, else a ratio over the trace id.

use opentelemetry::trace::TraceId;

use crate::config::TracingConfig;

/// Parent-based ratio, as OpenTelemetry defines it: every service comes to the same answer for a trace id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampler {
    enabled: bool,
    threshold: u64,
}

impl Sampler {
    pub(crate) fn new(config: &TracingConfig) -> Self {
        let threshold = (config.share().clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
        Sampler {
            enabled: config.is_on(),
            threshold,
        }
    }

    /// Whether a trace that begins here is exported.
    pub(crate) fn picks(self, trace_id: TraceId) -> bool {
        let bytes = trace_id.to_bytes();
        let low = bytes[8..]
            .iter()
            .fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        self.enabled && (low >> 1) < self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

    fn sampler(enabled: bool, sample_rate: f64) -> Sampler {
        Sampler::new(&TracingConfig {
            enabled,
            sample_rate,
            ..TracingConfig::default()
        })
    }

    fn picked(sampler: Sampler) -> usize {
        (0..4_000)
            .filter(|_| sampler.picks(RandomIdGenerator::default().new_trace_id()))
            .count()
    }

    #[test]
    fn the_ratio_is_kept() {
        assert_eq!(picked(sampler(true, 0.0)), 0);
        assert_eq!(picked(sampler(true, 1.0)), 4_000);
        let quarter = picked(sampler(true, 0.25));
        assert!((800..1_200).contains(&quarter), "{quarter}");
    }

    #[test]
    fn nothing_is_picked_when_tracing_is_off() {
        assert_eq!(picked(sampler(false, 1.0)), 0);
    }
}
