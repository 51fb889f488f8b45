//! What the strategies are compared with.

use routing::{Candidate, Says, Score, Strategy};

/// Anyone.
pub struct Anyone;

impl Strategy for Anyone {
    fn name(&self) -> &'static str {
        "random"
    }

    fn score(&self, _says: &Says, _candidate: &Candidate) -> Score {
        Score::default()
    }
}

/// Two are drawn, and the one with less load is taken (Mitzenmacher 2001).
pub struct PowerOfTwo;

impl Strategy for PowerOfTwo {
    fn name(&self) -> &'static str {
        "power_of_two"
    }

    fn score(&self, _says: &Says, candidate: &Candidate) -> Score {
        Score([-candidate.load, 0.0, 0.0])
    }

    /// Of all pairs, those that it wins, and half of those in which both are as loaded.
    fn shares(&self, _says: &Says, candidates: &[Candidate], _scores: &[Score]) -> Vec<f64> {
        let count = candidates.len() as f64;
        let mut loads: Vec<_> = candidates.iter().map(|candidate| candidate.load).collect();
        loads.sort_by(f64::total_cmp);
        let share = |candidate: &Candidate| {
            let below = loads.partition_point(|load| *load < candidate.load);
            let within = loads.partition_point(|load| *load <= candidate.load);
            let (alike, above) = ((within - below - 1) as f64, (loads.len() - within) as f64);
            2.0 * (above + alike / 2.0) / (count * (count - 1.0))
        };
        if candidates.len() < 2 {
            return vec![1.0; candidates.len()];
        }
        candidates.iter().map(share).collect()
    }
}
