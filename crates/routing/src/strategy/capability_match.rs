//! Who fits best.

use crate::{Candidate, Says, Score, Strategy};

/// The best fit; of those that fit alike, the least load.
pub(super) struct CapabilityMatch;

impl Strategy for CapabilityMatch {
    fn name(&self) -> &'static str {
        "capability_match"
    }

    fn score(&self, _says: &Says, candidate: &Candidate) -> Score {
        Score([candidate.fit, -candidate.load, 0.0])
    }
}
