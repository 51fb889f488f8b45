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

    /// Takes an answer, or the news that there will be none. All of them when it was the last: in one message, or each by
    /// itself where that would have more than `most` bytes.
    pub(super) fn take(&self, answer: Option<Ready>, most: usize) -> Vec<Ready> {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.answers.extend(answer);
        gathered.missing = gathered.missing.saturating_sub(1);
        if gathered.missing > 0 || gathered.answers.is_empty() {
            return Vec::new();
        }
        let answers = std::mem::take(&mut gathered.answers);
        let bytes: usize = answers.iter().map(|answer| answer.json.len() + 1).sum();
        if bytes < most {
            vec![Ready::joined(&answers)]
        } else {
            answers
        }
    }
}
