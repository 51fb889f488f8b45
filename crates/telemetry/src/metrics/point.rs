//! The value of one series, read.

use super::Exemplar;

/// What a series says now.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// Of a counter or gauge.
    Number(f64),
    /// Of a histogram.
    Histogram(Buckets),
}

/// A histogram's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    pub(crate) bounds: &'static [f64],
    /// One count per bound and a last one for what is above them all; not cumulative.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
    pub(crate) exemplars: Vec<Exemplar>,
}
