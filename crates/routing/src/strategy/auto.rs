//! One of the others, by what the task says.

use crate::{Candidate, Name, Says, Score, Strategy};

/// A budget asks for cost, wishes ask for fit; who says neither wants it done: `docs/routing.md` has the table that
/// this rests on.
pub(super) struct Auto;

impl Auto {
    fn pick(says: &Says) -> &'static dyn Strategy {
        let name = match says {
            Says { budget: true, .. } => Name::CostOptimized,
            Says { wishes: true, .. } => Name::CapabilityMatch,
            _ => Name::PerformanceBased,
        };
        name.strategy()
    }
}

impl Strategy for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn follows(&self, says: &Says) -> &'static str {
        Self::pick(says).name()
    }

    fn score(&self, says: &Says, candidate: &Candidate) -> Score {
        Self::pick(says).score(says, candidate)
    }
}
