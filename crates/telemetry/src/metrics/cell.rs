//! The values of one series: atomics behind an `Arc`, so that a handle may be kept and used without a lock.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Declaration, Kind};
use crate::metrics::render::{number, sample};

/// A kind of cell that families hold.
pub trait Cell: Clone + Send + Sync + 'static {
    /// Which declarations it serves.
    const KIND: Kind;
    /// A fresh series at zero.
    fn create(declaration: &'static Declaration) -> Self;
    /// How many lines it takes on the page.
    fn lines(declaration: &'static Declaration) -> usize;
    /// Appends its sample lines; `labels` is the text between the braces.
    fn render(&self, out: &mut String, name: &str, labels: &str);
}

/// A count that only goes up.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<CounterCell>);

/// Whole and fractional parts are kept apart: the common `increment` is a single atomic addition.
#[derive(Debug, Default)]
struct CounterCell {
    whole: AtomicU64,
    fraction: AtomicF64,
}

impl Counter {
    /// Adds `count`.
    pub fn increment(&self, count: u64) {
        self.0.whole.fetch_add(count, Relaxed);
    }

    /// Adds an amount that is not whole (US dollars, seconds). Negative and non-finite amounts are ignored.
    pub fn add(&self, amount: f64) {
        if amount.is_finite() && amount > 0.0 {
            self.0.fraction.update(|value| value + amount);
        }
    }

    /// The total so far.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.0.whole.load(Relaxed) as f64 + self.0.fraction.get()
    }

    /// Takes over a total that something else counts (the kernel).
    pub(crate) fn set_total(&self, total: f64) {
        self.0.fraction.update(|value| value.max(total));
    }
}

impl Cell for Counter {
    const KIND: Kind = Kind::Counter;

    fn create(_: &'static Declaration) -> Self {
        Counter::default()
    }

    fn lines(_: &'static Declaration) -> usize {
        1
    }

    fn render(&self, out: &mut String, name: &str, labels: &str) {
        sample(out, name, "", labels, self.value());
    }
}

/// A value that goes up and down.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicF64>);

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds `amount`.
    pub fn increment(&self, amount: f64) {
        self.0.update(|value| value + amount);
    }

    /// Takes `amount` away.
    pub fn decrement(&self, amount: f64) {
        self.0.update(|value| value - amount);
    }

    /// Counts one more for as long as the guard lives.
    #[must_use]
    pub fn hold(&self) -> GaugeGuard {
        self.increment(1.0);
        GaugeGuard(self.clone())
    }

    /// The value now.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.0.get()
    }
}

impl Cell for Gauge {
    const KIND: Kind = Kind::Gauge;

    fn create(_: &'static Declaration) -> Self {
        Gauge::default()
    }

    fn lines(_: &'static Declaration) -> usize {
        1
    }

    fn render(&self, out: &mut String, name: &str, labels: &str) {
        sample(out, name, "", labels, self.value());
    }
}

/// One unit of a gauge, given back when dropped.
#[derive(Debug)]
pub struct GaugeGuard(Gauge);

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Observations counted in buckets.
#[derive(Clone)]
pub struct Histogram(Arc<HistogramCell>);

struct HistogramCell {
    bounds: &'static [f64],
    /// One count per bound and a last one for what is above them all; not cumulative.
    counts: Box<[AtomicU64]>,
    sum: AtomicF64,
}

impl Histogram {
    /// Counts one observation, in the metric's base unit. `NaN` is ignored.
    pub fn record(&self, value: f64) {
        if value.is_nan() {
            return;
        }
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.0.counts.get(bucket) {
            count.fetch_add(1, Relaxed);
            self.0.sum.update(|sum| sum + value);
        }
    }

    /// How many observations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Relaxed)).sum()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Histogram")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

impl Cell for Histogram {
    const KIND: Kind = Kind::Histogram;

    fn create(declaration: &'static Declaration) -> Self {
        let counts = (0..=declaration.buckets.len())
            .map(|_| AtomicU64::new(0))
            .collect();
        Histogram(Arc::new(HistogramCell {
            bounds: declaration.buckets,
            counts,
            sum: AtomicF64::default(),
        }))
    }

    fn lines(declaration: &'static Declaration) -> usize {
        declaration.buckets.len() + 3
    }

    fn render(&self, out: &mut String, name: &str, labels: &str) {
        let mut cumulative = 0;
        let bounds = self.0.bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, count) in bounds.zip(&self.0.counts) {
            cumulative += count.load(Relaxed);
            let separator = if labels.is_empty() { "" } else { "," };
            let _ = writeln!(
                out,
                "{name}_bucket{{{labels}{separator}le=\"{}\"}} {cumulative}",
                number(bound)
            );
        }
        sample(out, name, "_sum", labels, self.0.sum.get());
        sample(out, name, "_count", labels, cumulative as f64);
    }
}

/// A float in an `AtomicU64`.
#[derive(Debug, Default)]
struct AtomicF64(AtomicU64);

impl AtomicF64 {
    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    fn update(&self, change: impl Fn(f64) -> f64) {
        let mut current = self.0.load(Relaxed);
        loop {
            let next = change(f64::from_bits(current)).to_bits();
            match self.0.compare_exchange_weak(current, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(seen) => current = seen,
            }
        }
    }
}
