//! Everyone in turn.

use crate::{Candidate, Says, Score, Strategy};

/// Whoever was chosen least recently. That is a turn that holds too where each task can go to others, and where agents come
/// and go: a pointer into a list would give more to those behind a gap.
pub(super) struct RoundRobin;

impl Strategy for RoundRobin {
    fn name(&self) -> &'static str {
        "round_robin"
    }

    fn score(&self, _says: &Says, candidate: &Candidate) -> Score {
        Score([-(candidate.last_chosen as f64), 0.0, 0.0])
    }
}
