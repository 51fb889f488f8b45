//! Typed metric declarations and the cells behind them.
//!
//! A metric is declared once, with [`metrics!`](crate::metrics!), and belongs to the [`Registry`] of one service:
//! nothing is global. The registry is a [`Recorder`](::metrics::Recorder) of the `metrics` façade, cells are written to
//! through the façade's handles, and the page is written by its Prometheus exporter's formatter. In between are series of
//! our own: the exporter's recorder cannot drop a single one, bounds none, and keeps every histogram sample until
//! something drains it.

mod buckets;
mod cell;
mod declaration;
mod exemplar;
mod family;
mod format;
mod macros;
mod point;
mod recorder;
mod registry;
mod render;
mod series;

pub use buckets::{LATENCY, LATENCY_30_60, LATENCY_30_60_300, LATENCY_MCP, SIZES, exponential};
pub use cell::{Counter, Gauge, GaugeGuard, Histogram};
pub use declaration::{Declaration, Kind, Metric};
pub use family::Family;
pub use format::Format;
pub use registry::Registry;

pub(crate) use cell::Cell;
pub(crate) use exemplar::{Exemplar, Exemplars};
pub(crate) use format::takes_gzip;
pub(crate) use point::{Buckets, Point};
pub(crate) use render::Page;
