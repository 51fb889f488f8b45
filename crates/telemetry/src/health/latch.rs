//! A part that is not ready yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Keeps the service from being started and ready until it is opened or dropped.
#[derive(Debug)]
pub struct Latch(pub(super) Arc<LatchState>);

/// What the registry keeps of a latch.
#[derive(Debug)]
pub(super) struct LatchState {
    pub(super) name: String,
    open: AtomicBool,
}

impl LatchState {
    pub(super) fn new(name: String) -> Self {
        LatchState {
            name,
            open: AtomicBool::new(false),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(SeqCst)
    }
}

impl Latch {
    /// Says that the part is ready.
    pub fn open(self) {
        drop(self);
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.0.open.store(true, SeqCst);
    }
}
