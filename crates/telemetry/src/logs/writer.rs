//! The thread that writes lines: callers hand over and go on, whatever the disk or terminal does.

use std::io::{BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::error::TelemetryError;
use crate::metrics::{Counter, Family};

/// Bytes that are gathered while lines wait: whole lines go out, in one write where there are many.
const GATHERED: usize = 32 << 10;

enum Message {
    Line(Vec<u8>),
    /// Answered once everything before it is written.
    Flush(SyncSender<()>),
}

/// The bounded queue before the writing thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LogWriter {
    queue: SyncSender<Message>,
    queue_full: Counter,
}

impl LogWriter {
    /// Starts the thread; it ends when the last clone is gone and all is written.
    pub(crate) fn start(
        output: Box<dyn Write + Send>,
        bound: usize,
        dropped: &Family<Counter, 2>,
    ) -> Result<Self, TelemetryError> {
        let (queue, lines) = sync_channel(bound);
        let failed = dropped.with(["logs", "write_failed"]);
        std::thread::Builder::new()
            .name("telemetry-logs".to_owned())
            .spawn(move || drain(&lines, output, &failed))?;
        Ok(LogWriter {
            queue,
            queue_full: dropped.with(["logs", "queue_full"]),
        })
    }

    /// Queues a line, or drops and counts it; never waits.
    pub(crate) fn write(&self, line: Vec<u8>) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.queue.try_send(Message::Line(line))
        {
            self.queue_full.increment(1);
        }
    }

    /// Waits until the lines so far are written, for at most `bound`; answers whether they were.
    pub(crate) fn flush(&self, bound: Duration) -> bool {
        let (done, written) = sync_channel(1);
        // A full queue means that the output is stuck: then there is nothing to wait for.
        self.queue.try_send(Message::Flush(done)).is_ok() && written.recv_timeout(bound).is_ok()
    }
}

fn drain(lines: &Receiver<Message>, output: Box<dyn Write + Send>, failed: &Counter) {
    let mut output = BufWriter::with_capacity(GATHERED, output);
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        let mut flushed = Vec::new();
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    if output.write_all(&line).is_err() {
                        failed.increment(1);
                    }
                }
                Message::Flush(done) => flushed.push(done),
            }
            next = lines.try_recv().ok();
        }
        if output.flush().is_err() {
            failed.increment(1);
        }
        for done in flushed {
            // Whoever asked may have stopped waiting.
            let _ = done.try_send(());
        }
    }
}
