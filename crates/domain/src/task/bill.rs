//! What the work on a task takes in tokens and money, as its agents say it and the price list has it.

use serde::{Deserialize, Serialize};

use super::Task;

/// Tokens that a model took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// What it read.
    pub input_tokens: u64,
    /// What it wrote.
    pub output_tokens: u64,
}

/// What a model costs, in USD for 1,000 tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Price {
    /// For what it reads.
    pub input_usd_per_1k: f64,
    /// For what it writes.
    pub output_usd_per_1k: f64,
}

impl Price {
    /// What this took.
    #[must_use]
    pub fn of(&self, usage: Usage) -> f64 {
        let part = |tokens: u64, usd: f64| tokens as f64 / 1_000.0 * usd;
        part(usage.input_tokens, self.input_usd_per_1k) + part(usage.output_tokens, self.output_usd_per_1k)
    }

    /// For 1,000 tokens of which nobody knows yet what is read and what is written: three quarters are read.
    #[must_use]
    pub fn foreseen(&self) -> f64 {
        (3.0 * self.input_usd_per_1k + self.output_usd_per_1k) / 4.0
    }
}

/// What one agent's work on a task has taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Bill {
    /// The model behind the agent.
    pub model: String,
    /// Its tokens.
    pub usage: Usage,
    /// What they cost.
    pub usd: f64,
}

impl Bill {
    /// Whether there is nothing to pay for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.usage == Usage::default()
    }
}

impl Task {
    /// Takes in what the current attempt has taken so far, all in all.
    pub fn bill(&mut self, bill: Bill) {
        self.spent_usd += bill.usd - self.billed.usd;
        self.billed = bill;
    }

    /// Whether it has cost more than it may.
    #[must_use]
    pub fn is_over_budget(&self) -> bool {
        self.budget_usd.is_some_and(|budget| self.spent_usd > budget)
    }
}
