//! Counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ::metrics::CounterFn;

use super::{AtomicF64, Cell, Recorded};
use crate::metrics::render::{Labels, Page};
use crate::metrics::{Declaration, Kind, Point};

/// A count that only goes up.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<Recorded<::metrics::Counter, CounterCell>>);

/// Whole and fractional parts are kept apart: the common `increment` is a single atomic addition.
#[derive(Debug, Default)]
struct CounterCell {
    whole: AtomicU64,
    fraction: AtomicF64,
}

impl CounterFn for CounterCell {
    fn increment(&self, count: u64) {
        self.whole.fetch_add(count, Relaxed);
    }

    fn absolute(&self, total: u64) {
        self.whole.fetch_max(total, Relaxed);
    }
}

impl Counter {
    /// Adds `count`.
    pub fn increment(&self, count: u64) {
        self.0.handle.increment(count);
    }

    /// Adds an amount that is not whole (US dollars, seconds); the façade has no such call.
    /// Negative and non-finite amounts are ignored.
    pub fn add(&self, amount: f64) {
        if amount.is_finite() && amount > 0.0 {
            self.0.cell.fraction.update(|value| value + amount);
        }
    }

    /// The total so far.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.0.cell.whole.load(Relaxed) as f64 + self.0.cell.fraction.get()
    }

    /// Takes over a total that something else counts (the kernel).
    pub(crate) fn set_total(&self, total: f64) {
        self.0.cell.fraction.update(|value| value.max(total));
    }
}

impl Cell for Counter {
    const KIND: Kind = Kind::Counter;
    type Handle = ::metrics::Counter;

    fn create(_: &'static Declaration) -> Self {
        Counter::default()
    }

    fn handle(&self) -> Self::Handle {
        self.0.handle.clone()
    }

    fn lines(_: &'static Declaration) -> usize {
        1
    }

    fn point(&self) -> Point {
        Point::Number(self.value())
    }

    fn render(&self, page: &mut Page, name: &str, labels: &Labels) {
        page.sample(name, "", labels, self.value());
    }
}
