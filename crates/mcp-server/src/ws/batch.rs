//! The answers to a batch, which go back together.

use std::sync::{Mutex, PoisonError};

use frames::wire::Ready;

/// Answers that are gathered.
pub(super) struct Batch(Mutex<Gathered>);

struct Gathered {
    answers: Vec<Ready>,
    missing: usize,
}

impl Batch {
    /// A batch that waits for so many answers, and has those of `refused` already.
    pub(super) fn new(missing: usize, refused: Vec<Ready>) -> Self {
        Self(Mutex::new(Gathered {
            answers: refused,
            missing,
        }))
    }

    /// Takes an answer, or the news that there will be none. All of them when it was the last, if there is any.
    pub(super) fn take(&self, answer: Option<Ready>) -> Option<Ready> {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.answers.extend(answer);
        gathered.missing = gathered.missing.saturating_sub(1);
        let is_whole = gathered.missing == 0 && !gathered.answers.is_empty();
        is_whole.then(|| Ready::joined(&std::mem::take(&mut gathered.answers)))
    }
}
