//! Who will be done first, going by what was learned.

use crate::{Candidate, Says, Score, Strategy};

/// The fewest seconds until a success: a failure means to begin again, so that who succeeds every second time needs the
/// double. Who has little experience is like the average, and is tried when those who are known to be better are busy.
pub(super) struct PerformanceBased;

impl Strategy for PerformanceBased {
    fn name(&self) -> &'static str {
        "performance_based"
    }

    fn score(&self, _says: &Says, candidate: &Candidate) -> Score {
        let seconds = candidate.wait_seconds + candidate.run_seconds;
        Score([-seconds / candidate.success, -candidate.load, 0.0])
    }
}
