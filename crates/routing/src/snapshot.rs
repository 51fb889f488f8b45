//! What is known of the agents at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Experience, Version};

/// The agents of one tenant at one moment. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Grows with every snapshot; a decision names the one that it was made on.
    pub number: u64,
    /// When it was taken.
    pub taken_at: u64,
    /// Everyone who is known, also those who take nothing: so that it can be said why.
    pub agents: Vec<Agent>,
}

/// One registered agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Which one.
    pub id: Uuid,
    /// `ide`, `slack`, `monitoring`, `cicd`, `custom`.
    pub agent_type: String,
    /// Where it is in its life.
    pub state: State,
    /// How it says it is.
    pub health: Health,
    /// What it can do, and in which version.
    pub capabilities: BTreeMap<String, Version>,
    /// Its region and other labels.
    pub labels: BTreeMap<String, String>,
    /// What 1,000 tokens of its model cost; nothing, if it has no model.
    pub usd_per_1k_tokens: f64,
    /// How busy it said it was, 0 to 1, at its last heartbeat: also with what does not come from the mesh.
    pub workload: f64,
    /// Tasks that it holds: assigned, accepted or in progress.
    pub open: u32,
    /// Tasks that it works on at once.
    pub capacity: u32,
    /// Tasks that it may hold beyond its capacity; they wait at the agent.
    pub backlog: u32,
    /// Grows with each decision that chose an agent (its number or its time); 0 if none has chosen this one.
    pub last_chosen: u64,
    /// What was learned of it, by type of task.
    pub experience: BTreeMap<String, Experience>,
}

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Registered, not yet ready.
    Pending,
    /// Takes its first tasks.
    Ready,
    /// At work.
    Active,
    /// At work, and not well.
    Degraded,
    /// Ends what it has and takes nothing new.
    Draining,
    /// Gone.
    Offline,
}

/// How an agent says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Well.
    Healthy,
    /// Works, not as it should.
    Degraded,
    /// Does not work.
    Unhealthy,
    /// It has not said yet.
    Unknown,
}

/// What the caller sets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Share of the decisions, 0 to 1, that choose any eligible agent with the same probability: how new agents come to be
    /// known, and what replays rest on. 0.05: enough for both, and nineteen of twenty tasks still go where they should.
    pub exploration: f64,
    /// After how many seconds an outcome counts half. A day: what was learned yesterday still counts, a model that was
    /// replaced last week does not.
    pub half_life_seconds: f64,
    /// As how many outcomes the average of all agents counts beside what is known of one. 4: one failure does not
    /// make an agent the last choice.
    pub prior_weight: f64,
    /// Tokens of a task that does not say how many to expect.
    pub usual_tokens: u64,
    /// Seconds that a task is taken to need while nobody has ended one of its type.
    pub usual_seconds: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            exploration: 0.05,
            half_life_seconds: 86_400.0,
            prior_weight: 4.0,
            usual_tokens: 1_000,
            usual_seconds: 60.0,
        }
    }
}
