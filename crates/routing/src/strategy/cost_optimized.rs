//! Who is cheapest among those who will be in time.

use crate::{Candidate, Says, Score, Strategy};

/// In time before late, then the lowest cost of a success (a failed attempt is paid too), then the least load. If nobody
/// will be in time, whoever misses the deadline by least.
pub(super) struct CostOptimized;

impl Strategy for CostOptimized {
    fn name(&self) -> &'static str {
        "cost_optimized"
    }

    fn score(&self, _says: &Says, candidate: &Candidate) -> Score {
        let cost = candidate.cost_usd / candidate.success;
        Score([-candidate.late_seconds, -cost, -candidate.load])
    }
}
