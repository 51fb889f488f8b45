//! The queue: RabbitMQ, or the same contract in this process. It carries which attempt of which job may run now.
//!
//! What is durable is not here: job rows, their waits and the outbox are in the database (`storage`), and a sweeper
//! publishes again what a broker lost. So a message that comes twice, or that is handed to someone else, is normal.
//!
//! [`connect`] chooses the adapter by URL. `tests/contract.rs` runs one suite on both.

mod body;
mod memory;
mod metrics;
mod options;
mod rabbitmq;
mod span;
mod turn;

use std::sync::Arc;

use domain::ports::{Queue, QueueError};
use telemetry::Telemetry;

pub use memory::MemoryQueue;
pub use metrics::QueueMetrics;
pub use options::QueueOptions;
pub use rabbitmq::RabbitQueue;

/// The queue that `url` names: `memory:`, `amqp://…` or `amqps://…`.
///
/// It makes no connection yet: RabbitMQ may be away now and come later, and each operation connects when it needs to.
///
/// # Errors
/// [`QueueError::Unavailable`] when the URL or the options are wrong. No error of this crate contains the URL.
pub fn connect(
    url: &str,
    options: &QueueOptions,
    telemetry: &Telemetry,
) -> Result<Arc<dyn Queue>, QueueError> {
    let metrics = QueueMetrics::new(telemetry);
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme {
        "memory" => Ok(metrics::measured(MemoryQueue::new(options), metrics)),
        "amqp" | "amqps" => Ok(metrics::measured(RabbitQueue::new(url, options)?, metrics)),
        _ => Err(QueueError::Unavailable(
            "the queue's URL must begin with memory:, amqp:// or amqps://".into(),
        )),
    }
}

/// A queue in this process with the default options, not measured. The relay and the worker of `devmesh up` share it.
#[must_use]
pub fn memory() -> Arc<dyn Queue> {
    Arc::new(MemoryQueue::new(&QueueOptions::default()))
}
