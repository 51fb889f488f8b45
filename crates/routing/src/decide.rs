//! The decision, and its explanation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::candidate::{Asked, Candidate, LeftOut, Reason, sort};
use crate::replay::Foreseen;
use crate::{Name, Says, Score, Settings, Snapshot, Strategy, Task};

/// Who was chosen, and all that the choice rested on: enough to explain it, and to ask later what another strategy would
/// have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Who gets the task; nobody, if nobody can take it.
    pub chosen: Option<Uuid>,
    /// With which probability the chosen one was to be chosen; 0 if there is none.
    pub probability: f64,
    /// The strategy that was asked for.
    pub strategy: String,
    /// The strategy that was followed: another one if `auto` was asked for.
    pub followed: String,
    /// Number of the snapshot.
    pub snapshot: u64,
    /// What the task says that strategies go by.
    pub says: Says,
    /// How many can take the task.
    pub eligible_count: usize,
    /// Those who can take it, in the order of the snapshot; the best of them once [condensed](Decision::condensed).
    pub eligible: Vec<Eligible>,
    /// How many cannot take it, by reason.
    pub left_out_count: BTreeMap<Reason, usize>,
    /// Those who cannot, and why; the first of them once condensed.
    pub left_out: Vec<LeftOut>,
    /// What each strategy would have meant; filled when the decision is condensed.
    #[serde(default)]
    pub foreseen: Vec<Foreseen>,
    /// How much was left to chance.
    pub exploration: Exploration,
}

/// One who can take the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Eligible {
    /// What its score is made of.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// How good the followed strategy finds it.
    pub score: Score,
    /// With which probability it was to be chosen.
    pub probability: f64,
}

/// How much of a decision was left to chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// Share of the decisions in which anyone who can take the task is chosen.
    pub share: f64,
    /// Whether this was one of them.
    pub explored: bool,
}

impl Decision {
    /// Whether somebody may take the task later if nothing but time passes: no, if all are left out for good.
    #[must_use]
    pub fn waiting_may_help(&self) -> bool {
        self.chosen.is_some() || self.left_out_count.keys().any(|reason| reason.may_pass())
    }

    /// How many were left out for each reason, in the order of [`Reason`].
    #[must_use]
    pub fn reasons(&self) -> Vec<(Reason, usize)> {
        self.left_out_count
            .iter()
            .map(|(reason, count)| (*reason, *count))
            .collect()
    }

    /// The chosen one, with what its score is made of.
    #[must_use]
    pub fn winner(&self) -> Option<&Eligible> {
        let chosen = self.chosen?;
        self.eligible.iter().find(|one| one.candidate.agent == chosen)
    }

    /// The same decision, small enough to be stored where there are thousands of agents: with the chosen one, at most `keep`
    /// others of those who can take the task (the best) and `keep` of those who cannot. What each strategy that comes with
    /// the mesh would have meant is worked out before, so that it can be replayed as if everyone were there.
    #[must_use]
    pub fn condensed(mut self, keep: usize) -> Self {
        if self.foreseen.is_empty() {
            self.foreseen = Name::ALL
                .iter()
                .filter_map(|name| Foreseen::of(name.strategy(), &self))
                .collect();
        }
        let chosen = self.chosen;
        let is_chosen = |one: &Eligible| Some(one.candidate.agent) == chosen;
        self.eligible.sort_by(|one, other| {
            let first = is_chosen(other).cmp(&is_chosen(one));
            first.then_with(|| other.score.compare(&one.score))
        });
        self.eligible.truncate(keep.saturating_add(1));
        self.left_out.truncate(keep);
        self
    }
}

/// Chooses an agent for a task by one of the strategies that come with the mesh. `entropy` is a random number; the same
/// arguments give the same decision.
#[must_use]
pub fn decide(name: Name, snapshot: &Snapshot, task: &Task, settings: &Settings, entropy: u64) -> Decision {
    decide_by(name.strategy(), snapshot, task, settings, entropy)
}

/// As [`decide`], by any strategy.
#[must_use]
pub fn decide_by(
    strategy: &dyn Strategy,
    snapshot: &Snapshot,
    task: &Task,
    settings: &Settings,
    entropy: u64,
) -> Decision {
    let (candidates, left_out) = sort(&Asked {
        snapshot,
        task,
        settings,
    });
    let says = task.says();
    let scores: Vec<_> = candidates
        .iter()
        .map(|candidate| strategy.score(&says, candidate))
        .collect();
    let shares = strategy.shares(&says, &candidates, &scores);
    let share = if settings.exploration.is_finite() {
        settings.exploration.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let (at, explored) = draw(&shares, share, entropy);
    let anyone = share / candidates.len().max(1) as f64;
    let parts = candidates.into_iter().zip(scores).zip(shares);
    let eligible = parts.map(|((candidate, score), own)| Eligible {
        candidate,
        score,
        probability: (1.0 - share) * own + anyone,
    });
    let eligible: Vec<_> = eligible.collect();
    let mut left_out_count = BTreeMap::new();
    for left_out in &left_out {
        *left_out_count.entry(left_out.reason).or_default() += 1;
    }
    let chosen = eligible.get(at);
    Decision {
        chosen: chosen.map(|one| one.candidate.agent),
        probability: chosen.map_or(0.0, |one| one.probability),
        strategy: strategy.name().to_owned(),
        followed: strategy.follows(&says).to_owned(),
        snapshot: snapshot.number,
        says,
        eligible_count: eligible.len(),
        eligible,
        left_out_count,
        left_out,
        foreseen: Vec::new(),
        exploration: Exploration { share, explored },
    }
}

/// Which one is drawn, and whether by exploration. One number decides both: below the share of exploration it falls on
/// anyone, above it on the strategy's own shares.
fn draw(shares: &[f64], exploration: f64, entropy: u64) -> (usize, bool) {
    // The upper 53 bits, as many as an f64 holds: 0 to 1, without 1.
    let drawn = (entropy >> 11) as f64 / (1_u64 << 53) as f64;
    if drawn < exploration {
        let at = (drawn / exploration * shares.len() as f64) as usize;
        return (at.min(shares.len().saturating_sub(1)), true);
    }
    let mut left = (drawn - exploration) / (1.0 - exploration);
    let mut last = 0;
    for (at, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        last = at;
        if left < *share {
            break;
        }
        left -= share;
    }
    (last, false)
}
