//! Histograms: a row of atomics, one a bucket. The exporter's own queue every sample until a scrape or its
//! upkeep drains them, so that a burst, or a page that nobody reads, costs memory; here it costs none.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ::metrics::HistogramFn;
use tracing::Span;

use super::{AtomicF64, Cell, Recorded};
use crate::metrics::render::{Labels, Page};
use crate::metrics::{Buckets, Declaration, Exemplar, Exemplars, Kind, Point};

/// Observations counted in buckets.
#[derive(Clone)]
pub struct Histogram(Arc<Recorded<::metrics::Histogram, HistogramCell>>);

struct HistogramCell {
    bounds: &'static [f64],
    /// One count per bound and a last one for what is above them all; not cumulative.
    counts: Box<[AtomicU64]>,
    sum: AtomicF64,
    exemplars: Exemplars,
}

impl HistogramCell {
    fn new(bounds: &'static [f64]) -> Self {
        HistogramCell {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicF64::default(),
            exemplars: Exemplars::default(),
        }
    }

    fn bucket_of(&self, value: f64) -> usize {
        self.bounds.partition_point(|bound| *bound < value)
    }
}

impl HistogramFn for HistogramCell {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, times: usize) {
        if value.is_nan() {
            return;
        }
        if let Some(count) = self.counts.get(self.bucket_of(value)) {
            count.fetch_add(times as u64, Relaxed);
            self.sum.update(|sum| sum + value * times as f64);
        }
    }
}

impl Histogram {
    /// Counts one observation, in the metric's base unit. `NaN` is ignored.
    pub fn record(&self, value: f64) {
        self.0.handle.record(value);
    }

    /// Counts one observation that was made in `span`: where that is exported, the page names it as an example of its
    /// bucket (an OpenMetrics exemplar), so that a slow bucket leads to a slow trace.
    pub fn record_in(&self, span: &Span, value: f64) {
        self.record(value);
        if let Some(exemplar) = Exemplar::of(span, value).filter(|_| !value.is_nan()) {
            let cell = &self.0.cell;
            cell.exemplars
                .keep(cell.counts.len(), cell.bucket_of(value), exemplar);
        }
    }

    /// How many observations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.cell.counts.iter().map(|count| count.load(Relaxed)).sum()
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
    type Handle = ::metrics::Histogram;

    fn create(declaration: &'static Declaration) -> Self {
        Histogram(Arc::new(HistogramCell::new(declaration.buckets).into()))
    }

    fn handle(&self) -> Self::Handle {
        self.0.handle.clone()
    }

    fn lines(declaration: &'static Declaration) -> usize {
        declaration.buckets.len() + 3
    }

    fn point(&self) -> Point {
        let cell = &self.0.cell;
        Point::Histogram(Buckets {
            bounds: cell.bounds,
            counts: cell.counts.iter().map(|count| count.load(Relaxed)).collect(),
            sum: cell.sum.get(),
            exemplars: (0..cell.counts.len())
                .filter_map(|bucket| cell.exemplars.of(bucket))
                .collect(),
        })
    }

    fn render(&self, page: &mut Page, name: &str, labels: &Labels) {
        let cell = &self.0.cell;
        let mut cumulative = 0;
        let bounds = cell.bounds.iter().copied().chain([f64::INFINITY]);
        for (index, (bound, count)) in bounds.zip(&cell.counts).enumerate() {
            cumulative += count.load(Relaxed);
            let exemplar = if page.shows_exemplars() {
                cell.exemplars.of(index)
            } else {
                None
            };
            page.bucket(name, labels, bound, cumulative, exemplar);
        }
        page.sample(name, "_sum", labels, cell.sum.get());
        page.sample(name, "_count", labels, cumulative as f64);
    }
}
