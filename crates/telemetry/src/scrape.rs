//! What is read when the page is asked for: the process, the runtime, the allocator.

#[cfg(feature = "jemalloc")]
mod allocator;
mod limits;
mod process;
mod runtime;

#[cfg(feature = "jemalloc")]
pub use allocator::AllocatorMetrics;
pub use process::ProcessMetrics;
pub use runtime::RuntimeMetrics;

pub(crate) use runtime::Runtimes;
