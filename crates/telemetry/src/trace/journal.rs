//! What a process that is killed leaves of its spans, on disk.
//!
//! A span is sent when it has ended, up to a second later. If its process is killed before, whoever names it as parent
//! hangs in the air. So a span is written down before its id gets out (into a request, a message, or with a child that
//! ended), with those around it, as far as it is known then; and again when it ends. What the collector has taken is
//! settled, and what is not settled when the next process starts is sent by that one ([`left`]).
//!
//! What must be there now is appended in one `write`, without a flush: the page cache outlives the process. A span that
//! ended below an open one waits for the next of those writes, at the latest until it is sent: whoever is killed before
//! takes it along with all that is below it, which has been told to nobody. The file is begun anew when it is half full of
//! what is settled.

mod file;
mod left;
mod record;

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::Resource;

use file::{Open, part};
pub(crate) use left::{Left, LeftSpans};
use record::Replay;

use super::Ended;
use super::wire::{self, Known};
use crate::metrics::Counter;
use crate::ring::TraceRing;

/// A disk that takes longer than this for a few hundred bytes, so often in a row, is not waited for again until the file is
/// begun anew. Once alone may be a thread that had to wait for a processor.
const SLOW: Duration = Duration::from_secs(1);
const SLOW_IN_A_ROW: u32 = 2;
/// Most bytes of records that wait for a write.
const WAITING: usize = 32 << 10;

/// The journal of one process.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    /// Who writes: the first record of every file.
    header: Vec<u8>,
    bound: u64,
    /// One writes at a time, as the file system would have it anyway: what a full disk took a part of is taken back.
    open: Mutex<Open>,
    /// The disk is slow: nobody waits for it until the file is begun anew.
    is_shut: AtomicBool,
    renewing: Mutex<()>,
    lost: Counter,
    /// What is said here to have ended is in its files.
    ring: Option<TraceRing>,
    /// Held for as long as the process lives.
    _lock: File,
}

impl Journal {
    /// Begins a file in `dir`, of at most `bound` bytes; answers also what earlier processes left there. `resource` is who
    /// writes.
    pub(crate) fn open(
        dir: &Path,
        bound: usize,
        resource: &Resource,
        lost: Counter,
        ring: Option<TraceRing>,
    ) -> io::Result<(Self, Left)> {
        std::fs::create_dir_all(dir)?;
        let lock = File::create(dir.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::Error::other("another process has its spans there"),
        })?;
        let mut left = Left::find(dir)?;
        let number = left.next_number();
        left.bound(2 * bound as u64);
        let header = record::header(&wire::resource(resource));
        let open = Open::begin(dir, number, &header)?;
        let journal = Journal {
            dir: dir.to_owned(),
            header,
            bound: bound as u64,
            open: Mutex::new(open),
            is_shut: AtomicBool::new(false),
            renewing: Mutex::new(()),
            lost,
            ring,
            _lock: lock,
        };
        Ok((journal, left))
    }

    /// Appends whole records after those that wait; answers whether they were taken.
    pub(crate) fn append(&self, records: &[u8]) -> bool {
        let mut open = self.opened();
        open.waiting.extend_from_slice(records);
        self.flush_into(&mut open)
    }

    /// Appends whole records with the next ones that must be there at once.
    pub(crate) fn put(&self, records: &[u8]) {
        let mut open = self.opened();
        open.waiting.extend_from_slice(records);
        if open.waiting.len() > WAITING {
            self.flush_into(&mut open);
        }
    }

    fn flush_into(&self, open: &mut Open) -> bool {
        if let Some(ring) = &self.ring {
            ring.write();
        }
        if open.waiting.is_empty() {
            return true;
        }
        let records = std::mem::take(&mut open.waiting);
        let taken = !self.is_shut.load(Relaxed) && self.write(open, &records);
        if !taken {
            self.lost.increment(record::count(&records));
        }
        open.waiting = records;
        open.waiting.clear();
        taken
    }

    fn write(&self, open: &mut Open, records: &[u8]) -> bool {
        let length = records.len() as u64;
        if open.size + length > self.bound {
            return false;
        }
        let began = Instant::now();
        let written = open.file.write(records);
        let is_whole = written.as_ref().is_ok_and(|written| *written == records.len());
        if is_whole {
            open.size += length;
        }
        // What follows a part of a record could not be read.
        let is_torn = !is_whole && written.is_ok() && open.file.set_len(open.size).is_err();
        open.slow = if began.elapsed() > SLOW { open.slow + 1 } else { 0 };
        if is_torn || open.slow >= SLOW_IN_A_ROW {
            self.is_shut.store(true, Relaxed);
        }
        is_whole
    }

    fn opened(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody needs these spans any more: the collector has them, or they were given up and counted.
    pub(crate) fn settle(&self, spans: &[SpanId]) {
        let mut settled = Vec::with_capacity(16 + spans.len() * 8);
        record::settled(&mut settled, spans);
        let missed = if self.append(&settled) { &[] } else { spans };
        let is_half_full = self.opened().size > self.bound / 2;
        if is_half_full || self.is_shut.load(Relaxed) {
            self.renew(missed);
        }
    }

    /// Begins a new file with what is not settled of the old one. Where the disk does not take it, the old one stays.
    fn renew(&self, settled: &[SpanId]) {
        let Ok(_alone) = self.renewing.try_lock() else {
            return;
        };
        let (number, path, read) = {
            let open = self.opened();
            (open.number + 1, open.path.clone(), open.size)
        };
        let Ok(mut new) = Open::begin(&self.dir, number, &self.header) else {
            return;
        };
        let carried = self.carry(&path, read, settled, &mut new);
        // What cannot be removed is read once more at the next start, where sending it twice does no harm.
        let _ = std::fs::remove_file(if carried.is_ok() { path } else { new.path });
    }

    /// Fills `new` with what is not settled of the first `read` bytes of the old file, and, while nobody writes, with all
    /// that came since; then it is the one that is written to.
    fn carry(&self, old: &Path, read: u64, settled: &[SpanId], new: &mut Open) -> io::Result<()> {
        let old = File::open(old)?;
        let mut replay = Replay::new(settled.iter().map(|id| id.to_bytes()).collect::<HashSet<_>>());
        replay.read(&part(&old, 0, read)?);
        new.take(&replay.unsettled())?;
        let mut open = self.opened();
        new.take(&part(&old, read, open.size)?)?;
        new.slow = open.slow;
        std::mem::swap(&mut new.waiting, &mut open.waiting);
        std::mem::swap(&mut *open, new);
        self.is_shut.store(false, Relaxed);
        Ok(())
    }

    /// Says that the process lives: a span that was open when it was killed ends at the last time.
    pub(crate) fn touch(&self, now: SystemTime) {
        // Nothing but an end that is told too early.
        let _ = self.opened().file.set_modified(now);
    }
}

/// The record of a span that ended.
pub(crate) fn ended(records: &mut Vec<u8>, span: &Ended) {
    record::ended(records, span);
}

/// The record of a span that is still open.
pub(crate) fn note(records: &mut Vec<u8>, span: &Known<'_>) {
    record::open(records, span);
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceId;

    use super::super::recording::Recording;
    use super::super::{Debug, TraceContext};
    use super::*;

    fn span(id: u64) -> Ended {
        let context = TraceContext {
            trace_id: TraceId::from(7_u128),
            span_id: SpanId::from(id),
            sampled: true,
            debug: Debug::No,
            state: None,
            baggage: None,
        };
        Recording::begin("short").end(&context, SpanId::INVALID, false)
    }

    #[test]
    fn what_was_not_sent_outlives_a_renewal_of_a_file_that_is_full_of_it() {
        const BOUND: usize = 8 << 10;
        let dir = tempfile::tempdir().unwrap();
        let who = Resource::builder_empty().build();
        let (journal, _) = Journal::open(dir.path(), BOUND, &who, Counter::default(), None).unwrap();
        let mut written = 0;
        while journal.opened().size < BOUND as u64 - 200 {
            written += 1;
            let mut records = Vec::new();
            ended(&mut records, &span(written));
            journal.append(&records);
        }
        let before = journal.opened().number;
        journal.settle(&[SpanId::from(1_u64)]);
        assert_eq!(journal.opened().number, before + 1);
        drop(journal);
        let left = Left::find(dir.path()).unwrap().read();
        assert_eq!(left[0].count(), usize::try_from(written).unwrap() - 1);
    }
}
