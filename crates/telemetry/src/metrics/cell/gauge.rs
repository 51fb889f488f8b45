//! Gauges.

use std::sync::Arc;

use ::metrics::GaugeFn;

use super::{AtomicF64, Cell, Recorded};
use crate::metrics::render::{Labels, Page};
use crate::metrics::{Declaration, Kind, Point};

/// A value that goes up and down.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<Recorded<::metrics::Gauge, AtomicF64>>);

impl GaugeFn for AtomicF64 {
    fn increment(&self, amount: f64) {
        self.update(|value| value + amount);
    }

    fn decrement(&self, amount: f64) {
        self.update(|value| value - amount);
    }

    fn set(&self, value: f64) {
        AtomicF64::set(self, value);
    }
}

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: f64) {
        self.0.handle.set(value);
    }

    /// Adds `amount`.
    pub fn increment(&self, amount: f64) {
        self.0.handle.increment(amount);
    }

    /// Takes `amount` away.
    pub fn decrement(&self, amount: f64) {
        self.0.handle.decrement(amount);
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
        self.0.cell.get()
    }
}

impl Cell for Gauge {
    const KIND: Kind = Kind::Gauge;
    type Handle = ::metrics::Gauge;

    fn create(_: &'static Declaration) -> Self {
        Gauge::default()
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

/// One unit of a gauge, given back when dropped.
#[derive(Debug)]
pub struct GaugeGuard(Gauge);

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
