//! Audit records on disk: written before the answer leaves, sent in batches, removed when rest-api has them.
//!
//! The directory holds segments `NNNNNNNNNNNN.audit`, each a row of records with their length before them (Protocol
//! Buffers' length-delimited form). Only the newest is written to. The sender closes it, sends the older ones and removes
//! each when all of it is acknowledged; a batch that is sent again after a crash is dropped by its records' ids.
//!
//! A record is safe from the process's death when [`Spool::record`] returns, and with `sync = "always"` from the machine's.
//! A call asks [`Spool::admit`] first: while the spool or its disk is full it is refused before it has an effect. Calls
//! that were admitted before that still leave their records: above `max_size`, or in the space of the reserve.

mod commit;
mod reserve;
mod segment;
mod sender;

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prost::Message;
use proto::v1::AuditRecord;
use telemetry::Telemetry;

use crate::config::{Durability, SpoolConfig, WhenFull};
use commit::GroupCommit;
use reserve::Reserve;
use segment::Segment;

telemetry::metrics! {
    /// The spool.
    pub struct SpoolMetrics {
        /// Bytes of audit records on disk that rest-api has not acknowledged yet.
        bytes: gauge "mcp_audit_spool_bytes" [],
        /// Bytes of audit records from which on the spool is full (`spool.max_size`).
        limit: gauge "mcp_audit_spool_limit_bytes" [],
        /// Calls that were refused before they had an effect, because their audit record would not fit.
        refused: counter "mcp_audit_calls_refused_total" [],
        /// Calls that were answered without an audit record: the spool was full (`full`, only with
        /// `spool.when_full = "drop"`), or the disk took no more (`unwritable`).
        lost: counter "mcp_audit_records_lost_total" [reason],
    }
}

/// The spool of one process.
pub struct Spool {
    config: SpoolConfig,
    metrics: SpoolMetrics,
    state: Mutex<State>,
    size: AtomicU64,
    commit: GroupCommit,
}

struct State {
    open: Option<Open>,
    next: u64,
    /// How many records were written.
    written: u64,
    /// What was closed, or made, since the last flush; empty unless flushes are asked for.
    unflushed: Vec<File>,
    reserve: Reserve,
    failed: Option<String>,
}

/// The segment that is written to.
struct Open {
    segment: Segment,
    file: File,
    /// It was the reserve: it is as long as that was, and zeros follow its records.
    is_reserve: bool,
}

impl Spool {
    /// Opens the directory, with what an earlier process left in it.
    ///
    /// # Errors
    /// When the directory cannot be made or read. A disk that is full is none: calls are refused until it is not.
    pub fn open(config: SpoolConfig, telemetry: &Telemetry) -> io::Result<Arc<Self>> {
        std::fs::create_dir_all(&config.dir)?;
        let segments = segment::all(&config.dir)?;
        let size = segments.iter().map(|segment| segment.size().unwrap_or(0)).sum();
        let state = State {
            open: None,
            next: segments.last().map_or(1, |segment| segment.number + 1),
            written: 0,
            unflushed: Vec::new(),
            reserve: Reserve::new(config.dir.join("reserve"), config.reserve.get()),
            failed: None,
        };
        let spool = Self {
            metrics: SpoolMetrics::new(telemetry),
            state: Mutex::new(state),
            size: AtomicU64::new(size),
            commit: GroupCommit::default(),
            config,
        };
        spool.metrics.limit.set(as_gauge(spool.config.max_size.get()));
        // Both reasons are there from the start, so that the first loss is seen as an increase.
        for reason in ["full", "unwritable"] {
            spool.metrics.lost.with([reason]).increment(0);
        }
        spool.show_size();
        spool.recover();
        Ok(Arc::new(spool))
    }

    /// Whether a call may go ahead: its record will fit.
    ///
    /// # Errors
    /// Why not; the call is counted as refused.
    pub fn admit(&self) -> Result<(), String> {
        let room = self.room();
        if room.is_err() {
            self.metrics.refused.increment(1);
        }
        room
    }

    /// Whether records can be written and fit.
    ///
    /// # Errors
    /// Why not.
    pub fn health(&self) -> Result<(), String> {
        self.recover();
        self.room()
    }

    fn room(&self) -> Result<(), String> {
        if self.config.when_full == WhenFull::Drop {
            return Ok(());
        }
        if let Some(failed) = &self.state().failed {
            return Err(format!("audit records cannot be written: {failed}"));
        }
        if self.is_full() {
            let (size, most) = (self.size.load(Ordering::Relaxed), self.config.max_size.get());
            return Err(format!("the audit spool is full: {size} of {most} bytes"));
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.size.load(Ordering::Relaxed) > self.config.max_size.get()
    }

    /// Writes a record. One that cannot be written is logged and counted, and calls are refused from then on (see
    /// [`Self::admit`]).
    pub async fn record(&self, record: &AuditRecord) {
        if self.config.when_full == WhenFull::Drop && self.is_full() {
            self.metrics.lost.with(["full"]).increment(1);
            return;
        }
        let written = match self.write(&record.encode_length_delimited_to_vec()) {
            Ok(number) if self.config.sync == Durability::Always => {
                self.commit.reach(number, || self.unflushed()).await
            }
            written => written.map(drop),
        };
        if let Err(error) = written {
            self.metrics.lost.with(["unwritable"]).increment(1);
            tracing::error!(critical = true, %error, record_id = record.id, "an audit record cannot be written");
            self.state().failed = Some(error.to_string());
        }
    }

    /// Appends a record, in the space of the reserve where the disk has no other; answers its number.
    fn write(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut state = self.state();
        let mut appended = self.append(&mut state, bytes);
        if let Err(error) = &appended {
            // A torn record would hide what follows it: the next one begins a new segment.
            state.open = None;
            let more = self.open_reserve(&mut state);
            tracing::warn!(%error, more, "the disk takes no more audit records; calls are refused");
            state.failed = Some(error.to_string());
            if more {
                appended = self.append(&mut state, bytes);
            }
        }
        appended?;
        if state.reserve.is_held() {
            state.failed = None;
        }
        state.written += 1;
        self.size.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.show_size();
        Ok(state.written)
    }

    fn append(&self, state: &mut State, bytes: &[u8]) -> io::Result<()> {
        if state.open.is_none() {
            let segment = self.next_segment(state);
            let file = File::options()
                .create_new(true)
                .append(true)
                .open(&segment.path)?;
            self.begin_segment(state, segment, file, false)?;
        }
        match &mut state.open {
            Some(open) => open.file.write_all(bytes),
            None => Ok(()),
        }
    }

    /// Makes the reserve the segment that is written to; answers whether there was one.
    fn open_reserve(&self, state: &mut State) -> bool {
        let segment = self.next_segment(state);
        let Some(file) = state.reserve.become_segment(&segment.path) else {
            return false;
        };
        self.begin_segment(state, segment, file, true).is_ok()
    }

    fn next_segment(&self, state: &State) -> Segment {
        Segment {
            number: state.next,
            path: self.path(state.next),
        }
    }

    fn begin_segment(
        &self,
        state: &mut State,
        segment: Segment,
        file: File,
        is_reserve: bool,
    ) -> io::Result<()> {
        state.next += 1;
        state.open = Some(Open {
            segment,
            file,
            is_reserve,
        });
        if self.config.sync == Durability::Always {
            // The directory holds the new file's name.
            state.unflushed.push(File::open(&self.config.dir)?);
        }
        Ok(())
    }

    /// The number of the last record, and everything that has to be flushed for it.
    fn unflushed(&self) -> io::Result<(u64, Vec<File>)> {
        let mut state = self.state();
        let mut files = std::mem::take(&mut state.unflushed);
        if let Some(open) = &state.open {
            files.push(open.file.try_clone()?);
        }
        Ok((state.written, files))
    }

    /// Closes the segment that is written to; the next record begins another. The reserve stays open while the disk has no
    /// other space, unless this is the end.
    fn rotate(&self, at_end: bool) {
        let mut state = self.state();
        let is_needed = |open: &Open| open.is_reserve && state.failed.is_some() && !at_end;
        if state.open.as_ref().is_some_and(is_needed) {
            return;
        }
        let Some(mut open) = state.open.take() else { return };
        if open.is_reserve
            && let Ok(end) = open.file.stream_position()
            && let Err(error) = open.file.set_len(end)
        {
            tracing::warn!(%error, "space that was reserved for audit records cannot be given back");
        }
        if self.config.sync == Durability::Always {
            state.unflushed.push(open.file);
        }
    }

    /// Looks whether the disk takes records again, after it did not.
    fn recover(&self) {
        let mut state = self.state();
        if state.reserve.is_held() && state.failed.is_none() {
            return;
        }
        state.failed = match state.reserve.take().and_then(|()| probe(&self.config.dir)) {
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        };
    }

    fn removed(&self, bytes: u64) {
        let less = |size: u64| Some(size.saturating_sub(bytes));
        let _ = self.size.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        self.show_size();
    }

    fn show_size(&self) {
        self.metrics
            .bytes
            .set(as_gauge(self.size.load(Ordering::Relaxed)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.config.dir.join(format!("{number:012}.audit"))
    }
}

/// Whether a file can be written in `dir`.
fn probe(dir: &std::path::Path) -> io::Result<()> {
    let path = dir.join("probe");
    std::fs::write(&path, [0; 1 << 12])?;
    std::fs::remove_file(path)
}

#[expect(clippy::cast_precision_loss, reason = "a spool is far below 2^52 bytes")]
fn as_gauge(bytes: u64) -> f64 {
    bytes as f64
}
