//! The thread that writes lines: callers hand over and go on, whatever the disk or terminal does.

use std::io::Write;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::TelemetryError;
use crate::metrics::{Counter, Family};

/// How long lines are gathered after a write. A thread that is woken for every line costs each caller more than the line
/// itself; nobody who reads a log sees five milliseconds.
const GATHER: Duration = Duration::from_millis(5);
/// Largest room that is kept for lines, in bytes.
const KEPT: usize = 1 << 20;
/// What a line that waits may take on average, in bytes: twice what one of a tool call does.
const USUAL: usize = 1 << 10;

/// The bounded queue before the writing thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LogWriter(Arc<Handle>);

/// Ends the thread when the last clone is gone.
struct Handle {
    queue: Arc<Queue>,
    queue_full: Counter,
    /// Most lines that wait, and most kilobytes.
    bound: usize,
}

struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something to do for the thread.
    work: Condvar,
    /// What was waiting is written.
    written: Condvar,
}

/// What the thread has not taken yet.
#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    lines: usize,
    /// The thread sleeps and has to be woken for a line.
    idle: bool,
    /// Somebody waits for all of it to be written.
    urgent: bool,
    /// Batches that were taken and that were written.
    taken: u64,
    done: u64,
    closed: bool,
}

impl LogWriter {
    /// Starts the thread; it ends when the last clone is gone and all is written.
    pub(crate) fn start(
        output: Box<dyn Write + Send>,
        bound: usize,
        dropped: &Family<Counter, 2>,
    ) -> Result<Self, TelemetryError> {
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            work: Condvar::new(),
            written: Condvar::new(),
        });
        let (own, failed) = (Arc::clone(&queue), dropped.with(["logs", "write_failed"]));
        std::thread::Builder::new()
            .name("telemetry-logs".to_owned())
            .spawn(move || own.drain(output, &failed))?;
        Ok(LogWriter(Arc::new(Handle {
            queue,
            queue_full: dropped.with(["logs", "queue_full"]),
            bound,
        })))
    }

    /// Queues a line, or drops and counts it; never waits for the output.
    pub(crate) fn write(&self, line: &[u8]) {
        let Handle { queue, bound, .. } = &*self.0;
        let mut waiting = queue.lock();
        let bytes = waiting.text.len() + line.len();
        // One line alone always fits: its fields are bounded.
        if waiting.lines >= *bound || (waiting.lines > 0 && bytes > bound.saturating_mul(USUAL)) {
            drop(waiting);
            self.0.queue_full.increment(1);
            return;
        }
        waiting.text.extend_from_slice(line);
        waiting.lines += 1;
        if mem::take(&mut waiting.idle) {
            drop(waiting);
            queue.work.notify_one();
        }
    }

    /// Waits until the lines so far are written, for at most `bound`; answers whether they were.
    pub(crate) fn flush(&self, bound: Duration) -> bool {
        let queue = &self.0.queue;
        let until = Instant::now() + bound;
        let mut waiting = queue.lock();
        let wanted = waiting.taken + u64::from(waiting.lines > 0);
        waiting.urgent = true;
        queue.work.notify_one();
        while waiting.done < wanted {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = queue.written.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.work.notify_one();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, mut output: Box<dyn Write + Send>, failed: &Counter) {
        let (mut text, mut torn) = (Vec::new(), false);
        while let Some(lines) = self.take(&mut text) {
            // What failed may have ended in the middle of a line, which the next one must not continue.
            let before: &[u8] = if torn { b"\n" } else { b"" };
            let written = output.write_all(before).and_then(|()| output.write_all(&text));
            torn = written.and_then(|()| output.flush()).is_err();
            if torn {
                failed.increment(lines as u64);
            }
            text.clear();
            text.shrink_to(KEPT);
            let mut waiting = self.lock();
            waiting.done = waiting.taken;
            self.written.notify_all();
            // What comes now waits a moment for more, unless somebody waits for it.
            let gathering = |waiting: &mut Waiting| !waiting.urgent && !waiting.closed;
            drop(self.work.wait_timeout_while(waiting, GATHER, gathering));
        }
    }

    /// Waits for lines and takes them all; none when nobody can write any more.
    fn take(&self, text: &mut Vec<u8>) -> Option<usize> {
        let mut waiting = self.lock();
        while waiting.lines == 0 {
            if waiting.closed {
                return None;
            }
            waiting.idle = true;
            waiting = self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.idle = false;
        // Whoever asked for these lines to be written at once gets that now; those that follow are gathered again.
        waiting.urgent = false;
        waiting.taken += 1;
        mem::swap(&mut waiting.text, text);
        Some(mem::take(&mut waiting.lines))
    }
}
