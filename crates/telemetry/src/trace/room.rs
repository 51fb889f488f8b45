//! Room to write in that a thread uses again: what a span is written down with, and what it keeps while it is open.

use std::cell::{Cell, RefCell};

use super::attributes::Entry;

/// How many open spans' rooms a thread keeps, and how large each may be.
const ROOMS: usize = 8;
const LARGEST: usize = 16 << 10;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static FREE: RefCell<Vec<Room>> = const { RefCell::new(Vec::new()) };
}

/// Lets `work` write into a room that is empty, and is gone afterwards.
pub(super) fn with_scratch<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    // Who asks inside of it gets one of its own.
    let mut scratch = SCRATCH.take();
    scratch.clear();
    let done = work(&mut scratch);
    if scratch.capacity() <= LARGEST {
        SCRATCH.set(scratch);
    }
    done
}

/// What attributes are kept in.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) encoded: Vec<u8>,
    pub(super) entries: Vec<Entry>,
}

impl Room {
    /// One that is empty, perhaps with room in it already.
    pub(super) fn take() -> Self {
        FREE.with_borrow_mut(Vec::pop).unwrap_or_default()
    }

    /// Keeps it for another.
    pub(super) fn give_back(mut self) {
        if self.encoded.capacity() == 0 || self.encoded.capacity() > LARGEST {
            return;
        }
        self.encoded.clear();
        self.entries.clear();
        // A thread that ends keeps nothing.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < ROOMS {
                free.push(self);
            }
        });
    }
}
