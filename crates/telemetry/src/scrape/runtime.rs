//! `tokio_*`: the runtimes that the service watches.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// Scrapes closer together than this show the busy ratio of the last one: too short a time says nothing.
const LEAST_WINDOW: Duration = Duration::from_millis(100);

crate::metrics! {
    /// The service's tokio runtime; several are added up.
    pub struct RuntimeMetrics {
        /// Worker threads.
        workers: gauge "tokio_workers" [],
        /// Tasks that are alive.
        alive: gauge "tokio_alive_tasks" [],
        /// Tasks waiting in the global queue.
        queue: gauge "tokio_global_queue_depth" [],
        /// Share of the time since the last scrape that the workers were busy, 0 to 1.
        busy: gauge "tokio_busy_ratio" [],
    }
}

/// The watched runtimes and what their workers had done at the last scrape.
pub(crate) struct Runtimes {
    metrics: RuntimeMetrics,
    watched: Mutex<Watched>,
}

struct Watched {
    handles: Vec<Handle>,
    since: Instant,
    busy: Duration,
}

impl Runtimes {
    pub(crate) fn new(metrics: RuntimeMetrics) -> Self {
        let watched = Watched {
            handles: Vec::new(),
            since: Instant::now(),
            busy: Duration::ZERO,
        };
        Runtimes {
            metrics,
            watched: Mutex::new(watched),
        }
    }

    pub(crate) fn watch(&self, handle: Handle) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.handles.push(handle);
        watched.since = Instant::now();
        watched.busy = watched.busy_so_far();
    }

    pub(crate) fn sample(&self) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        self.metrics.workers.set(watched.workers() as f64);
        self.metrics
            .alive
            .set(watched.sum(|runtime| runtime.num_alive_tasks()) as f64);
        self.metrics
            .queue
            .set(watched.sum(|runtime| runtime.global_queue_depth()) as f64);
        let window = watched.since.elapsed();
        if window >= LEAST_WINDOW {
            let busy = watched.busy_so_far();
            let worked = busy.saturating_sub(watched.busy).as_secs_f64();
            let capacity = window.as_secs_f64() * watched.workers().max(1) as f64;
            self.metrics.busy.set((worked / capacity).min(1.0));
            watched.since = Instant::now();
            watched.busy = busy;
        }
    }
}

impl Watched {
    fn sum(&self, figure: impl Fn(&tokio::runtime::RuntimeMetrics) -> usize) -> usize {
        self.handles.iter().map(|handle| figure(&handle.metrics())).sum()
    }

    fn workers(&self) -> usize {
        self.sum(tokio::runtime::RuntimeMetrics::num_workers)
    }

    fn busy_so_far(&self) -> Duration {
        let busy = |handle: &Handle| -> Duration {
            let runtime = handle.metrics();
            (0..runtime.num_workers())
                .map(|worker| runtime.worker_total_busy_duration(worker))
                .sum()
        };
        self.handles.iter().map(busy).sum()
    }
}
