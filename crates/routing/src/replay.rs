//! What another strategy would have meant, estimated from logged decisions (off-policy evaluation).
//!
//! Each decision is looked at by itself: what would have come of this task if the other strategy had chosen, with the agents
//! as they were then. That the other strategy would have left the agents in another state later is not part of it.
//!
//! A logged decision tells about the other strategy as far as that might have chosen the same agent: it counts with the
//! weight π(a) / p(a), the other's probability of the chosen agent against the logged one. Wait and cost are estimated
//! doubly robustly (Dudík, Langford, Li 2011), with what was foreseen at the time as the model, and with weights that are
//! normalised by their sum (Swaminathan, Joachims 2015). Failures, which are yes or no, are the weighted share.

mod interval;

use serde::{Deserialize, Serialize};

use crate::{Candidate, Decision, Strategy, shares};
use interval::{Row, mean, share};

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Seconds from the decision until the agent began.
    pub wait_seconds: f64,
    /// What the attempt cost.
    pub cost_usd: f64,
    /// It ended without a result.
    pub failed: bool,
}

/// What one strategy would have meant for a decision: its probability of the agent that was chosen, and what it would have
/// expected of its own choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foreseen {
    /// The strategy.
    pub strategy: String,
    /// With which probability it would have chosen the agent that was chosen.
    pub chosen: f64,
    /// Seconds that the task would have waited at its choice.
    pub wait_seconds: f64,
    /// What its choice would have cost.
    pub cost_usd: f64,
}

impl Foreseen {
    /// Of a decision that holds everyone who can take the task; nothing if nobody was chosen, or if some are missing.
    #[must_use]
    pub fn of(strategy: &dyn Strategy, decision: &Decision) -> Option<Self> {
        let chosen = decision.chosen?;
        if decision.eligible.len() < decision.eligible_count {
            return None;
        }
        let candidates: Vec<_> = decision
            .eligible
            .iter()
            .map(|one| one.candidate.clone())
            .collect();
        let shares = shares(strategy, &decision.says, &candidates);
        let both = || candidates.iter().zip(&shares);
        let expected = |what: fn(&Candidate) -> f64| both().map(|(one, share)| share * what(one)).sum();
        Some(Self {
            strategy: strategy.name().to_owned(),
            chosen: both()
                .find(|(one, _)| one.agent == chosen)
                .map_or(0.0, |(_, share)| *share),
            wait_seconds: expected(|one| one.wait_seconds),
            cost_usd: expected(|one| one.cost_usd),
        })
    }
}

/// A mean with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What a strategy would have meant for the decisions that were looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The strategy.
    pub strategy: String,
    /// Decisions that were looked at.
    pub decisions: usize,
    /// As how many decisions of its own those count that it might have made too (Kish's effective size).
    pub effective: f64,
    /// Decisions that cannot be asked: condensed, and this strategy was not foreseen; or nobody was chosen.
    pub passed_over: usize,
    /// Mean seconds until the agent began; nothing if too little is known.
    pub wait_seconds: Option<Estimate>,
    /// Mean cost of an attempt, likewise.
    pub cost_usd: Option<Estimate>,
    /// Share of attempts that fail, likewise.
    pub failures: Option<Estimate>,
}

/// The least effective size for which intervals are told: with fewer they would claim more than they hold.
const ENOUGH: f64 = 30.0;

/// Estimates what `strategy` would have meant, from decisions and what came of them.
pub fn replay<'a>(strategy: &dyn Strategy, logged: impl IntoIterator<Item = (&'a Decision, Seen)>) -> Replay {
    let (mut wait, mut cost, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let mut passed_over = 0;
    for (decision, seen) in logged {
        let Some((foreseen, winner)) = foreseen(strategy, decision).zip(decision.winner()) else {
            passed_over += 1;
            continue;
        };
        let weight = foreseen.chosen / decision.probability;
        let row = |seen, of_chosen, of_choice| Row {
            weight,
            seen,
            of_chosen,
            of_choice,
        };
        let chosen = &winner.candidate;
        wait.push(row(seen.wait_seconds, chosen.wait_seconds, foreseen.wait_seconds));
        cost.push(row(seen.cost_usd, chosen.cost_usd, foreseen.cost_usd));
        failed.push(row(f64::from(u8::from(seen.failed)), 0.0, 0.0));
    }
    let effective = interval::effective(&wait);
    let told = effective >= ENOUGH;
    Replay {
        strategy: strategy.name().to_owned(),
        decisions: wait.len(),
        effective,
        passed_over,
        wait_seconds: told.then(|| mean(&wait)).flatten(),
        cost_usd: told.then(|| mean(&cost)).flatten(),
        failures: told.then(|| share(&failed)),
    }
}

/// As it was worked out when the decision was condensed, or from the decision.
fn foreseen(strategy: &dyn Strategy, decision: &Decision) -> Option<Foreseen> {
    let stored = decision
        .foreseen
        .iter()
        .find(|one| one.strategy == strategy.name());
    stored.cloned().or_else(|| Foreseen::of(strategy, decision))
}
