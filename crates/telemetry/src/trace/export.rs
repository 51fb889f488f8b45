//! Sends finished spans to an OTLP collector, in batches, from a thread of its own.

mod gathered;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::wire::{self, Batch};
use super::{Ended, Journal};
use crate::config::TelemetryConfig;
use crate::metrics::{Counter, Family};
use crate::otlp::{self, Client, Threads};
use crate::service::ServiceInfo;
pub(super) use gathered::Gathered;
use gathered::Spans;

/// How long a span waits for others.
const GATHER: Duration = Duration::from_secs(1);

/// The spans that wait, and the way to who sends them.
#[derive(Debug)]
pub(crate) struct SpanExport {
    queue: Arc<Queue>,
    bound: usize,
    queue_full: Counter,
    /// Spans that ended after the shutdown.
    too_late: Counter,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Queue {
    gathered: Mutex<Gathered>,
    /// A batch is full, or it is the end.
    due: Notify,
    /// Spans that are gathered or on their way.
    waiting: AtomicUsize,
}

impl SpanExport {
    pub(crate) fn start(
        config: &TelemetryConfig,
        info: &ServiceInfo,
        client: Client,
        threads: &Threads,
        dropped: &Family<Counter, 2>,
        journal: Option<Arc<Journal>>,
    ) -> Self {
        let queue = Arc::new(Queue {
            gathered: Mutex::new(Gathered::new(config.tracing.queue)),
            due: Notify::new(),
            waiting: AtomicUsize::new(0),
        });
        let sending = Sending {
            client,
            resource: wire::resource(&otlp::resource(info)),
            queue: Arc::clone(&queue),
            failed: dropped.with(["traces", "export_failed"]),
            journal,
        };
        threads.keep(sending.run());
        let [queue_full, too_late] =
            ["queue_full", "shut_down"].map(|reason| dropped.with(["traces", reason]));
        SpanExport {
            queue,
            bound: config.tracing.queue,
            queue_full,
            too_late,
            closed: AtomicBool::new(false),
        }
    }

    /// Whether there is room for another finished span; where there is none, it is counted as dropped.
    pub(crate) fn admit(&self) -> Room {
        if self.closed.load(Relaxed) {
            self.too_late.increment(1);
            return Room::Closed;
        }
        if self.queue.waiting.fetch_add(1, Relaxed) >= self.bound {
            self.queue.waiting.fetch_sub(1, Relaxed);
            self.queue_full.increment(1);
            return Room::Full;
        }
        Room::Free
    }

    /// Queues a finished span that was admitted; never waits for the collector.
    pub(crate) fn submit(&self, span: &Ended) {
        let is_full = self.queue.gathered().add(span.span_id, &span.encoded);
        if is_full {
            self.queue.due.notify_one();
        }
    }

    /// Sends what waits, blocking for at most `bound`. Later spans are dropped and counted. Not from within a runtime.
    pub(crate) fn shutdown(&self, threads: &Threads, bound: Duration) -> Result<(), String> {
        if self.closed.swap(true, Relaxed) {
            return Ok(());
        }
        let (end, ended) = oneshot::channel();
        self.queue.gathered().end = Some(end);
        self.queue.due.notify_one();
        let in_time = async { tokio::time::timeout(bound, ended).await };
        match threads.handle().block_on(in_time) {
            Ok(sent) => sent.unwrap_or_else(|lost| Err(lost.to_string())),
            Err(_) => Err(format!("no answer within {bound:?}")),
        }
    }
}

/// What there is for another span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Free,
    Full,
    /// The service ends: nothing is sent any more.
    Closed,
}

impl Queue {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What sends them.
struct Sending {
    client: Client,
    resource: Vec<u8>,
    queue: Arc<Queue>,
    failed: Counter,
    journal: Option<Arc<Journal>>,
}

impl Sending {
    async fn run(self) {
        loop {
            // Late or early, what is there is sent.
            let _ = tokio::time::timeout(GATHER, self.queue.due.notified()).await;
            let (batches, end) = self.queue.gathered().take();
            let mut sent = Ok(());
            for batch in batches {
                sent = sent.and(self.send(batch).await);
            }
            if let Some(end) = end {
                // Who waits may have given up.
                let _ = end.send(sent);
                return;
            }
        }
    }

    async fn send(&self, spans: Spans) -> Result<(), String> {
        let count = spans.ids.len();
        // What is around them must be known before anybody sees them.
        if let Some(journal) = &self.journal {
            journal.append(&[]);
        }
        let sent = self.client.send(Batch::new(&self.resource, spans.encoded)).await;
        self.queue.waiting.fetch_sub(count, Relaxed);
        self.failed.increment(*sent.as_ref().unwrap_or(&(count as u64)));
        if let Some(journal) = &self.journal {
            journal.settle(&spans.ids);
        }
        sent.map(drop)
    }
}
