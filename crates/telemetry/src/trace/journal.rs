//! What a process that is killed leaves of its spans, on disk.
//!
//! A span is sent when it has ended, up to a second later. If its process is killed before, whoever names it as parent
//! hangs in the air. So a span is written down before its id gets out (into a request, a message, or with a child that
//! ended), with those around it, as far as it is known then; and again when it ends. What the collector has taken is
//! settled, and what is not settled when the next process starts is sent by that one ([`left`]).
//!
//! Records are appended in one `write` each, without a flush: the page cache outlives the process. The file is begun anew
//! when it is half full of what is settled.

mod left;
mod record;

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::Resource;

pub(crate) use left::{Left, LeftSpans};
use record::Replay;

use super::Ended;
use super::wire::{self, Known};
use crate::metrics::Counter;

/// A disk that takes longer for a few hundred bytes is not waited for again until the file is begun anew. Long enough that a
/// thread that has to wait for a processor is not taken for a slow disk.
const SLOW: Duration = Duration::from_secs(1);

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
    /// Held for as long as the process lives.
    _lock: File,
}

#[derive(Debug)]
struct Open {
    file: File,
    number: u64,
    path: PathBuf,
    /// Of its whole records.
    size: u64,
}

impl Journal {
    /// Begins a file in `dir`, of at most `bound` bytes; answers also what earlier processes left there. `resource` is who
    /// writes.
    pub(crate) fn open(
        dir: &Path,
        bound: usize,
        resource: &Resource,
        lost: Counter,
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
        let open = begin(dir, number, &header)?;
        let journal = Journal {
            dir: dir.to_owned(),
            header,
            bound: bound as u64,
            open: Mutex::new(open),
            is_shut: AtomicBool::new(false),
            renewing: Mutex::new(()),
            lost,
            _lock: lock,
        };
        Ok((journal, left))
    }

    /// Appends whole records; answers whether they were taken.
    pub(crate) fn append(&self, records: &[u8]) -> bool {
        if records.is_empty() {
            return true;
        }
        let taken = !self.is_shut.load(Relaxed) && self.write(records);
        if !taken {
            self.lost.increment(1);
        }
        taken
    }

    fn write(&self, records: &[u8]) -> bool {
        let length = records.len() as u64;
        let mut open = self.opened();
        // Whoever had it before may have found the disk slow.
        if self.is_shut.load(Relaxed) || open.size + length > self.bound {
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
        if is_torn || began.elapsed() > SLOW {
            self.is_shut.store(true, Relaxed);
        }
        is_whole
    }

    fn opened(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A span that ended and waits for the exporter, after `records` of those around it.
    pub(crate) fn ended(&self, mut records: Vec<u8>, span: &Ended) {
        record::ended(&mut records, span);
        self.append(&records);
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

    /// Begins a new file with what is not settled of the old one.
    fn renew(&self, settled: &[SpanId]) {
        let Ok(_alone) = self.renewing.try_lock() else {
            return;
        };
        let number = self.opened().number + 1;
        let Ok(new) = begin(&self.dir, number, &self.header) else {
            return;
        };
        let old = std::mem::replace(&mut *self.opened(), new);
        self.is_shut.store(false, Relaxed);
        let mut replay = Replay::new(settled.iter().map(|id| id.to_bytes()).collect::<HashSet<_>>());
        if let Ok(bytes) = std::fs::read(&old.path) {
            replay.read(&bytes);
        }
        self.append(&replay.unsettled());
        // What cannot be removed is read once more at the next start, where sending it twice does no harm.
        let _ = std::fs::remove_file(&old.path);
    }

    /// Says that the process lives: a span that was open when it was killed ends at the last time.
    pub(crate) fn touch(&self, now: SystemTime) {
        // Nothing but an end that is told too early.
        let _ = self.opened().file.set_modified(now);
    }
}

fn begin(dir: &Path, number: u64, header: &[u8]) -> io::Result<Open> {
    let path = dir.join(format!("{number:012}.spans"));
    let mut file = File::options()
        .create_new(true)
        .append(true)
        .mode(0o600)
        .open(&path)?;
    if let Err(error) = file.write_all(header) {
        // The next attempt has the same number.
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok(Open {
        file,
        number,
        path,
        size: header.len() as u64,
    })
}

/// The record of a span that is still open.
pub(crate) fn note(records: &mut Vec<u8>, span: &Known<'_>) {
    record::open(records, span);
}
