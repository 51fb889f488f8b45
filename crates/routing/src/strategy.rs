//! By what an agent is chosen among those who can take the task.

mod auto;
mod capability_match;
mod cost_optimized;
mod least_loaded;
mod performance_based;
mod round_robin;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Candidate, Says};

/// How good a candidate is: compared number by number, the greater is better.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Score(pub [f64; 3]);

impl Score {
    /// Which of two is better. Numbers that cannot be compared are equal.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        let orders = pairs.map(|(one, other)| one.partial_cmp(other).unwrap_or(Ordering::Equal));
        orders.fold(Ordering::Equal, Ordering::then)
    }
}

/// One way to choose. It sees what the task says and the candidates, and nothing else, so that it can be asked again later
/// what it would have done.
pub trait Strategy: Send + Sync {
    /// Its name, as it is stored.
    fn name(&self) -> &'static str;

    /// The name of the strategy that it follows for such a task: another than its own if it picks one.
    fn follows(&self, _says: &Says) -> &'static str {
        self.name()
    }

    /// How good a candidate is.
    fn score(&self, says: &Says, candidate: &Candidate) -> Score;

    /// With which probability it chooses each candidate; they add up to one. Those with the best score, in equal parts.
    fn shares(&self, _says: &Says, _candidates: &[Candidate], scores: &[Score]) -> Vec<f64> {
        best(scores)
    }
}

/// The probabilities with which a strategy chooses among candidates, without exploration.
#[must_use]
pub fn shares(strategy: &dyn Strategy, says: &Says, candidates: &[Candidate]) -> Vec<f64> {
    let scores: Vec<_> = candidates
        .iter()
        .map(|candidate| strategy.score(says, candidate))
        .collect();
    strategy.shares(says, candidates, &scores)
}

fn best(scores: &[Score]) -> Vec<f64> {
    let greatest = scores.iter().max_by(|one, other| one.compare(other));
    let is_best = |score: &Score| greatest.is_some_and(|best| score.compare(best) == Ordering::Equal);
    let count = scores.iter().filter(|score| is_best(score)).count();
    let share = |score| if is_best(score) { 1.0 / count as f64 } else { 0.0 };
    scores.iter().map(share).collect()
}

/// The strategies that come with the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// Everyone in turn.
    RoundRobin,
    /// Who has the most room.
    LeastLoaded,
    /// Who fits best.
    CapabilityMatch,
    /// Who will be done first, going by what was learned.
    PerformanceBased,
    /// Who is cheapest among those who will be in time.
    CostOptimized,
    /// One of the others, by what the task says.
    Auto,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::RoundRobin,
        Self::LeastLoaded,
        Self::CapabilityMatch,
        Self::PerformanceBased,
        Self::CostOptimized,
        Self::Auto,
    ];

    /// The strategy of this name.
    #[must_use]
    pub fn strategy(self) -> &'static dyn Strategy {
        match self {
            Self::RoundRobin => &round_robin::RoundRobin,
            Self::LeastLoaded => &least_loaded::LeastLoaded,
            Self::CapabilityMatch => &capability_match::CapabilityMatch,
            Self::PerformanceBased => &performance_based::PerformanceBased,
            Self::CostOptimized => &cost_optimized::CostOptimized,
            Self::Auto => &auto::Auto,
        }
    }

    /// As it is written and stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.strategy().name()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No strategy has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no strategy: round_robin, least_loaded, capability_match, performance_based, cost_optimized or auto"
)]
pub struct UnknownStrategy(String);

impl FromStr for Name {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, UnknownStrategy> {
        let named = Self::ALL.into_iter().find(|name| name.as_str() == text);
        named.ok_or_else(|| UnknownStrategy(text.to_owned()))
    }
}
