//! What is learned of an agent from the tasks that it ended.

use serde::{Deserialize, Serialize};

/// Ended tasks of one agent and one type, the old ones counting less: an outcome counts half after each half-life.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Experience {
    /// Successes, decayed.
    pub successes: f64,
    /// Failures, decayed.
    pub failures: f64,
    /// Seconds of work on all of them, decayed.
    pub seconds: f64,
    /// Squares of those seconds, decayed: how far they lie apart.
    pub squared_seconds: f64,
    /// As of when, in milliseconds since 1970.
    pub as_of: u64,
}

/// How a task ended at an agent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// With a result, or not: failed, timed out, lost with its agent.
    pub succeeded: bool,
    /// Seconds of work, from its start to its end.
    pub seconds: f64,
    /// When it ended, in milliseconds since 1970.
    pub ended_at: u64,
}

impl Experience {
    /// With one more outcome. The order in which outcomes come does not matter: a late one counts as much as it would have
    /// come to count by then. Seconds that are no number or below nothing count as none.
    #[must_use]
    pub fn after(self, outcome: Outcome, half_life_seconds: f64) -> Self {
        let as_of = self.as_of.max(outcome.ended_at);
        let known = self.at(as_of, half_life_seconds);
        let weight = left(as_of - outcome.ended_at, half_life_seconds);
        let seconds = if outcome.seconds.is_finite() {
            outcome.seconds.max(0.0)
        } else {
            0.0
        };
        let (success, failure) = if outcome.succeeded {
            (weight, 0.0)
        } else {
            (0.0, weight)
        };
        Self {
            successes: known.successes + success,
            failures: known.failures + failure,
            seconds: known.seconds + weight * seconds,
            squared_seconds: known.squared_seconds + weight * seconds * seconds,
            as_of,
        }
    }

    /// What is left of it at a later moment.
    #[must_use]
    pub fn at(self, now: u64, half_life_seconds: f64) -> Self {
        let left = left(now.saturating_sub(self.as_of), half_life_seconds);
        Self {
            successes: self.successes * left,
            failures: self.failures * left,
            seconds: self.seconds * left,
            squared_seconds: self.squared_seconds * left,
            as_of: self.as_of.max(now),
        }
    }

    /// As how many outcomes it counts.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.successes + self.failures
    }

    /// Both together; of agents that are looked at as one.
    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            successes: self.successes + other.successes,
            failures: self.failures + other.failures,
            seconds: self.seconds + other.seconds,
            squared_seconds: self.squared_seconds + other.squared_seconds,
            as_of: self.as_of.max(other.as_of),
        }
    }
}

/// What is left of one outcome after so many milliseconds. A half-life that is no positive number forgets nothing.
fn left(milliseconds: u64, half_life_seconds: f64) -> f64 {
    if half_life_seconds > 0.0 {
        (-(milliseconds as f64) / 1_000.0 / half_life_seconds).exp2()
    } else {
        1.0
    }
}
