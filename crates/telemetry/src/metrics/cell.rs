//! The values of one series: atomics, recorded through handles of the `metrics` façade.

mod counter;
mod gauge;
mod histogram;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::render::{Labels, Page};
use super::{Declaration, Kind, Point};

pub use counter::Counter;
pub use gauge::{Gauge, GaugeGuard};
pub use histogram::Histogram;

/// A kind of cell that families hold. Cheap to clone.
pub trait Cell: Clone + Send + Sync + 'static {
    /// Which declarations it serves.
    const KIND: Kind;
    /// What the façade gives its callers.
    type Handle: Clone;
    /// A fresh series at zero.
    fn create(declaration: &'static Declaration) -> Self;
    /// The façade's handle of this series.
    fn handle(&self) -> Self::Handle;
    /// How many lines it takes on the page.
    fn lines(declaration: &'static Declaration) -> usize;
    /// What it says now.
    fn point(&self) -> Point;
    /// Appends its sample lines.
    fn render(&self, page: &mut Page, name: &str, labels: &Labels);
}

/// A cell and the façade's handle of it: the handle can only be written to, the page reads the cell.
/// They share one `Arc`, so that taking a series costs a single count.
#[derive(Debug)]
struct Recorded<H, C> {
    handle: H,
    cell: Arc<C>,
}

impl<H: From<Arc<C>>, C> From<C> for Recorded<H, C> {
    fn from(cell: C) -> Self {
        let cell = Arc::new(cell);
        Recorded {
            handle: H::from(Arc::clone(&cell)),
            cell,
        }
    }
}

impl<H: From<Arc<C>>, C: Default> Default for Recorded<H, C> {
    fn default() -> Self {
        Recorded::from(C::default())
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
