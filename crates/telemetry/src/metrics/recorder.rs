//! A registry as a recorder of the `metrics` façade.

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::{Cell, Registry, cell};
use crate::catalogue::DroppedMetrics;

/// What is written against the façade lands in the same series, under the same bounds, as through the typed block that
/// declares it; that block has to be taken from this registry first. A name that nobody declared, or declared with another
/// kind or other labels, is never on the page: each time that a handle of it is asked for, `telemetry_dropped_total` counts.
impl Recorder for Registry {
    /// Does nothing: the HELP text is the declaration's.
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    /// Does nothing: the HELP text is the declaration's.
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    /// Does nothing: the HELP text is the declaration's.
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.declared::<cell::Counter>(key).unwrap_or_else(Counter::noop)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.declared::<cell::Gauge>(key).unwrap_or_else(Gauge::noop)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.declared::<cell::Histogram>(key)
            .unwrap_or_else(Histogram::noop)
    }
}

impl Registry {
    fn declared<K: Cell>(&self, key: &Key) -> Option<K::Handle> {
        let series = self.known::<K>(key.name()).and_then(|family| family.of(key));
        if series.is_none() {
            tracing::debug!(
                metric = key.name(),
                "metric was not declared so: it is not exported"
            );
            let dropped = DroppedMetrics::in_registry(self).dropped;
            dropped.with(["metrics", "undeclared"]).increment(1);
        }
        series.map(|series| series.handle())
    }
}
