//! Who has the most room.

use crate::{Candidate, Says, Score, Strategy};

/// The least load.
pub(super) struct LeastLoaded;

impl Strategy for LeastLoaded {
    fn name(&self) -> &'static str {
        "least_loaded"
    }

    fn score(&self, _says: &Says, candidate: &Candidate) -> Score {
        Score([-candidate.load, 0.0, 0.0])
    }
}
