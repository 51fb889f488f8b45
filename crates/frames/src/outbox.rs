//! What was sent and not yet acknowledged, so that it can be sent again after a break.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

/// How much is kept for the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most messages.
    pub messages: usize,
    /// Most bytes of all of them.
    pub bytes: usize,
    /// How long each.
    pub time: Duration,
}

/// Messages without acknowledgement, oldest first. Time is what the caller says: any clock that does not go back.
#[derive(Debug)]
pub struct Outbox {
    bounds: Bounds,
    kept: VecDeque<Kept>,
    bytes: usize,
    last: u64,
    acknowledged: u64,
}

#[derive(Debug)]
struct Kept {
    sequence: u64,
    at: Duration,
    message: Bytes,
}

/// Why what a client missed cannot be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unresumable {
    /// Some of it is kept no longer.
    #[error("the messages {from} to {to} are kept no longer")]
    Forgotten {
        /// The first one that is gone.
        from: u64,
        /// The last one that is gone.
        to: u64,
    },
    /// It says that it has what was never sent.
    #[error("message {claimed} was never sent: the last one was {last}")]
    NeverSent {
        /// What was claimed.
        claimed: u64,
        /// The last number that was given.
        last: u64,
    },
}

impl Outbox {
    /// An empty one, whose first message gets the number 1.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            kept: VecDeque::new(),
            bytes: 0,
            last: 0,
            acknowledged: 0,
        }
    }

    /// The number that the next message gets.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.last + 1
    }

    /// The last number that was given.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Keeps a message; answers its number. The oldest make room.
    pub fn keep(&mut self, message: Bytes, now: Duration) -> u64 {
        self.last += 1;
        self.bytes += message.len();
        self.kept.push_back(Kept {
            sequence: self.last,
            at: now,
            message,
        });
        self.trim(now);
        self.last
    }

    /// Forgets everything up to `sequence`: the other end has it. A number that was never given is that of the last.
    pub fn acknowledge(&mut self, sequence: u64) {
        self.acknowledged = self.acknowledged.max(sequence.min(self.last));
        while self
            .kept
            .front()
            .is_some_and(|kept| kept.sequence <= self.acknowledged)
        {
            self.forget_oldest();
        }
    }

    /// Everything after `sequence`, in order, each with its number; what is at or below it counts as acknowledged and is
    /// never sent again.
    ///
    /// # Errors
    /// When something after it is kept no longer, or it was never sent.
    pub fn resume(&mut self, sequence: u64, now: Duration) -> Result<Vec<(u64, Bytes)>, Unresumable> {
        if sequence > self.last {
            return Err(Unresumable::NeverSent {
                claimed: sequence,
                last: self.last,
            });
        }
        self.trim(now);
        self.acknowledge(sequence);
        let first = self.kept.front().map_or(self.last + 1, |kept| kept.sequence);
        if first > sequence + 1 {
            return Err(Unresumable::Forgotten {
                from: sequence + 1,
                to: first - 1,
            });
        }
        Ok(self
            .kept
            .iter()
            .map(|kept| (kept.sequence, kept.message.clone()))
            .collect())
    }

    /// Messages that are kept, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.kept.len(), self.bytes)
    }

    fn trim(&mut self, now: Duration) {
        let Bounds {
            messages,
            bytes,
            time,
        } = self.bounds;
        while let Some(oldest) = self.kept.front() {
            let is_old = now.saturating_sub(oldest.at) > time;
            if !is_old && self.kept.len() <= messages && self.bytes <= bytes {
                break;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes -= oldest.message.len();
        }
    }
}
