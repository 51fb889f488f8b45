//! What a task says of itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Version;

/// What is to be given to an agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Task {
    /// What kind of work: the key under which experience is kept.
    pub task_type: String,
    /// Capabilities without which it cannot be done.
    pub needs: Vec<Need>,
    /// Capabilities that would be good to have.
    pub wishes: Vec<Need>,
    /// The only type of agent that may take it, if there is one.
    pub agent_type: Option<String>,
    /// Labels that the agent must have.
    pub labels: BTreeMap<String, String>,
    /// Labels that would be good to have: a region, for example.
    pub preferred_labels: BTreeMap<String, String>,
    /// 0 low, 1 normal, 2 high, 3 critical.
    pub priority: u8,
    /// When it must be done, in milliseconds since 1970.
    pub deadline: Option<u64>,
    /// Tokens that it will take, as far as one knows.
    pub expected_tokens: Option<u64>,
    /// The most that it may cost.
    pub budget_usd: Option<f64>,
    /// Agents that must not have it: those who lost, refused or failed it before.
    pub not_to: BTreeSet<Uuid>,
}

/// A capability, and how new it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Its name.
    pub capability: String,
    /// This version or a later one.
    pub minimum: Option<Version>,
}

/// What a task says that strategies go by; stored with the decision, so that it can be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Says {
    /// It has a budget.
    pub budget: bool,
    /// It has a deadline.
    pub deadline: bool,
    /// It has wishes: capabilities or labels that would be good to have.
    pub wishes: bool,
}

impl Task {
    /// What it says that strategies go by.
    #[must_use]
    pub fn says(&self) -> Says {
        Says {
            budget: self.budget_usd.is_some(),
            deadline: self.deadline.is_some(),
            wishes: !(self.wishes.is_empty() && self.preferred_labels.is_empty()),
        }
    }
}
