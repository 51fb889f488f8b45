//! Audit records on disk: written before the answer leaves, sent in batches, removed when rest-api has them.
//!
//! The directory holds segments `NNNNNNNNNNNN.audit`, each a row of records with their length before them (Protocol
//! Buffers' length-delimited form). Only the newest is written to. The sender closes it, sends the older ones and removes
//! each when all of it is acknowledged; a batch that is sent again after a crash is dropped by its records' ids.
//! A record is safe from the process's death when [`Spool::record`] returns; it is in the operating system's hands, so
//! only the machine's own death can lose the last moments.

mod segment;
mod sender;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prost::Message;
use proto::v1::AuditRecord;
use telemetry::Telemetry;

use crate::config::SpoolConfig;
use segment::Segment;

telemetry::metrics! {
    /// The spool.
    pub struct SpoolMetrics {
        /// Bytes of audit records on disk that rest-api has not acknowledged yet.
        bytes: gauge "mcp_audit_spool_bytes" [],
    }
}

/// The spool of one process.
pub struct Spool {
    config: SpoolConfig,
    metrics: SpoolMetrics,
    state: Mutex<State>,
    size: AtomicU64,
}

struct State {
    open: Option<(Segment, File)>,
    next: u64,
    failed: Option<String>,
}

impl Spool {
    /// Opens the directory, with what an earlier process left in it.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(config: SpoolConfig, telemetry: &Telemetry) -> io::Result<Arc<Self>> {
        std::fs::create_dir_all(&config.dir)?;
        let segments = segment::all(&config.dir)?;
        let size = segments.iter().map(|segment| segment.size().unwrap_or(0)).sum();
        let next = segments.last().map_or(1, |segment| segment.number + 1);
        let metrics = SpoolMetrics::new(telemetry);
        let state = Mutex::new(State {
            open: None,
            next,
            failed: None,
        });
        let spool = Self {
            config,
            metrics,
            state,
            size: AtomicU64::new(size),
        };
        spool.show_size();
        Ok(Arc::new(spool))
    }

    /// Writes a record. What cannot be written is logged, and makes the service not ready (see [`Self::health`]).
    pub fn record(&self, record: &AuditRecord) {
        let bytes = record.encode_length_delimited_to_vec();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.append(&mut state, &bytes) {
            Ok(()) => {
                state.failed = None;
                self.size.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(critical = true, %error, record_id = record.id, "an audit record cannot be written");
                state.failed = Some(error.to_string());
                // A torn record would hide what follows it: the next one begins a new segment.
                state.open = None;
            }
        }
        drop(state);
        self.show_size();
    }

    /// Whether records can be written and fit.
    ///
    /// # Errors
    /// Why not.
    pub fn health(&self) -> Result<(), String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = &state.failed {
            return Err(format!("audit records cannot be written: {failed}"));
        }
        let (size, most) = (self.size.load(Ordering::Relaxed), self.config.max_size.get());
        if size > most {
            return Err(format!("the audit spool is full: {size} of {most} bytes"));
        }
        Ok(())
    }

    fn append(&self, state: &mut State, bytes: &[u8]) -> io::Result<()> {
        if state.open.is_none() {
            let segment = Segment {
                number: state.next,
                path: self.path(state.next),
            };
            let file = File::options()
                .create_new(true)
                .append(true)
                .open(&segment.path)?;
            state.next += 1;
            state.open = Some((segment, file));
        }
        match &mut state.open {
            Some((_, file)) => file.write_all(bytes),
            None => Ok(()),
        }
    }

    /// Closes the segment that is written to; the next record begins another.
    fn rotate(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).open = None;
    }

    fn removed(&self, bytes: u64) {
        let less = |size: u64| Some(size.saturating_sub(bytes));
        let _ = self.size.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        self.show_size();
    }

    #[expect(clippy::cast_precision_loss, reason = "a spool is far below 2^52 bytes")]
    fn show_size(&self) {
        self.metrics.bytes.set(self.size.load(Ordering::Relaxed) as f64);
    }

    fn path(&self, number: u64) -> PathBuf {
        self.config.dir.join(format!("{number:012}.audit"))
    }
}
