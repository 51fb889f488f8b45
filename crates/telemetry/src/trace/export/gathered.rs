//! Spans one after the other as they will be sent, in batches of bounded size.

use std::mem;

use opentelemetry::trace::SpanId;
use tokio::sync::oneshot;

use crate::trace::wire;

/// Most spans of one export.
const BATCH: usize = 512;
/// Most bytes of one that begins another: collectors take 4 MiB over gRPC unless told otherwise.
const BYTES: usize = 1 << 20;

/// What waits to be sent.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// Only the last one is not full.
    batches: Vec<Spans>,
    /// Spans of a full batch.
    batch: usize,
    /// Who waits for the last of them.
    pub(super) end: Option<End>,
}

/// Answers how it went.
pub(crate) type End = oneshot::Sender<Result<(), String>>;

/// A batch.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    pub(crate) encoded: Vec<u8>,
    pub(crate) ids: Vec<SpanId>,
}

impl Gathered {
    /// `queue` is how many may wait: a batch is full before nothing more fits.
    pub(crate) fn new(queue: usize) -> Self {
        Self {
            batches: Vec::new(),
            batch: queue.min(BATCH),
            end: None,
        }
    }

    /// Adds a span; answers whether it filled a batch.
    pub(crate) fn add(&mut self, id: SpanId, encoded: &[u8]) -> bool {
        let full = self.batch;
        if self.batches.last().is_none_or(|spans| spans.is_full(full)) {
            self.batches.push(Spans::default());
        }
        let Some(last) = self.batches.last_mut() else {
            return false;
        };
        wire::append(&mut last.encoded, encoded);
        last.ids.push(id);
        last.is_full(full)
    }

    /// Everything that waits.
    pub(crate) fn take(&mut self) -> (Vec<Spans>, Option<End>) {
        (mem::take(&mut self.batches), self.end.take())
    }
}

impl Spans {
    fn is_full(&self, batch: usize) -> bool {
        self.ids.len() >= batch || self.encoded.len() >= BYTES
    }
}
