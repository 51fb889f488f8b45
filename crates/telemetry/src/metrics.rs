//! Typed metric declarations and the cells behind them.
//!
//! A metric is declared once, with [`metrics!`](crate::metrics!), and belongs to the [`Registry`] of one service:
//! nothing is global. The cells are our own because the usual recorder cannot drop a single series, and
//! keeps every histogram sample until something drains it; here a histogram is a row of atomics.

mod buckets;
mod cell;
mod declaration;
mod family;
mod macros;
mod registry;
mod render;
mod series;

pub use buckets::{LATENCY, LATENCY_30_60, LATENCY_30_60_300, LATENCY_MCP, SIZES, exponential};
pub use cell::{Counter, Gauge, GaugeGuard, Histogram};
pub use declaration::{Declaration, Kind, Metric};
pub use family::Family;
pub use registry::Registry;

pub(crate) use cell::Cell;

/// The `Content-Type` of the metrics page.
pub(crate) fn page_content_type() -> &'static str {
    render::CONTENT_TYPE
}
