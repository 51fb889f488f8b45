//! Traces, as `devmesh trace` reads them: from the mesh's own memory, or from Jaeger's or Tempo's HTTP API.

mod judge;
mod otlp;
mod source;
mod span;
mod tree;

pub use judge::{Hop, faults};
pub use source::Source;
pub use span::{Span, Trace};
pub use tree::{drawn, json};
