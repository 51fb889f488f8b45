//! Who can take a task, as strategies see them, and who cannot, and why.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Agent, Experience, Health, Need, Settings, Snapshot, State, Task};

/// An agent that can take the task, as strategies see it: each number is a part of some strategy's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which one.
    pub agent: Uuid,
    /// How much of it is in use: 1 is as much as it works on at once, more is a queue at the agent.
    pub load: f64,
    /// How well it fits, 0 to 1: the wishes that it fulfils, and how little else it could be used for.
    pub fit: f64,
    /// Probability that it will succeed, learned.
    pub success: f64,
    /// Seconds until it will begin.
    pub wait_seconds: f64,
    /// Seconds that it will work, learned.
    pub run_seconds: f64,
    /// What one attempt will cost.
    pub cost_usd: f64,
    /// Seconds by which it will miss the deadline; 0 if it will not, or if there is none.
    pub late_seconds: f64,
    /// [`Agent::last_chosen`].
    pub last_chosen: u64,
}

/// An agent that cannot take the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which one.
    pub agent: Uuid,
    /// The first reason, in the order of [`Reason`].
    pub reason: Reason,
}

/// Why an agent cannot take a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The task is not to go to it: it lost, refused or failed it before.
    NotToIt,
    /// It is another type of agent.
    WrongType,
    /// It lacks a label.
    MissingLabel,
    /// It lacks a capability.
    MissingCapability,
    /// It has a capability in too old a version.
    OldVersion,
    /// The task would cost more there than it may.
    OverBudget,
    /// It is not ready yet.
    Pending,
    /// It takes nothing new.
    Draining,
    /// It is gone.
    Offline,
    /// It says that it does not work.
    Unhealthy,
    /// It holds as many tasks as it may.
    Full,
    /// It is not well, and one that is well can take the task.
    Degraded,
}

impl Reason {
    /// Whether the same agent may take the same task later, if nothing but time passes.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Unhealthy | Self::Full | Self::Degraded
        )
    }

    /// Its name, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotToIt => "not_to_it",
            Self::WrongType => "wrong_type",
            Self::MissingLabel => "missing_label",
            Self::MissingCapability => "missing_capability",
            Self::OldVersion => "old_version",
            Self::OverBudget => "over_budget",
            Self::Pending => "pending",
            Self::Draining => "draining",
            Self::Offline => "offline",
            Self::Unhealthy => "unhealthy",
            Self::Full => "full",
            Self::Degraded => "degraded",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotToIt => "the task is not to go to it",
            Self::WrongType => "another type of agent",
            Self::MissingLabel => "lacks a label",
            Self::MissingCapability => "lacks a capability",
            Self::OldVersion => "has a capability in too old a version",
            Self::OverBudget => "would cost more than the budget",
            Self::Pending => "not ready yet",
            Self::Draining => "drains: takes nothing new",
            Self::Offline => "offline",
            Self::Unhealthy => "unhealthy",
            Self::Full => "holds as many tasks as it may",
            Self::Degraded => "degraded, and a healthy one can take the task",
        })
    }
}

/// What is asked, and of whom.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) task: &'a Task,
    pub(crate) settings: &'a Settings,
}

/// Sorts the agents of the snapshot into those who can take the task and those who cannot.
pub(crate) fn sort(asked: &Asked<'_>) -> (Vec<Candidate>, Vec<LeftOut>) {
    let (mut able, mut degraded, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for agent in &asked.snapshot.agents {
        match hindrance(agent, asked.task, asked.settings) {
            Some(reason) => left_out.push(LeftOut {
                agent: agent.id,
                reason,
            }),
            None if is_degraded(agent) => degraded.push(agent),
            None => able.push(agent),
        }
    }
    if able.is_empty() {
        able = degraded;
    } else {
        let reason = Reason::Degraded;
        left_out.extend(degraded.iter().map(|agent| LeftOut {
            agent: agent.id,
            reason,
        }));
    }
    let known: Vec<_> = able.iter().map(|agent| experience(agent, asked)).collect();
    let average = Average::of(&known, asked.settings);
    let both = able.into_iter().zip(&known);
    let candidates = both
        .map(|(agent, known)| average.candidate(agent, known, asked))
        .collect();
    (candidates, left_out)
}

/// What is known of the agent for the task's type, as of the snapshot.
fn experience(agent: &Agent, asked: &Asked<'_>) -> Experience {
    let known = agent.experience.get(&asked.task.task_type);
    let now = |known: &Experience| known.at(asked.snapshot.taken_at, asked.settings.half_life_seconds);
    known.map(now).unwrap_or_default()
}

fn is_degraded(agent: &Agent) -> bool {
    agent.state == State::Degraded || agent.health == Health::Degraded
}

fn hindrance(agent: &Agent, task: &Task, settings: &Settings) -> Option<Reason> {
    if task.not_to.contains(&agent.id) {
        return Some(Reason::NotToIt);
    }
    if task
        .agent_type
        .as_ref()
        .is_some_and(|only| *only != agent.agent_type)
    {
        return Some(Reason::WrongType);
    }
    if task
        .labels
        .iter()
        .any(|(name, value)| agent.labels.get(name) != Some(value))
    {
        return Some(Reason::MissingLabel);
    }
    let lacking = task.needs.iter().filter_map(|need| lack(agent, need));
    if let Some(reason) = lacking.min() {
        return Some(reason);
    }
    // A budget that is no number allows nothing; it never comes to cost nothing.
    let within = |budget: f64| cost(agent, task, settings) <= budget;
    if task.budget_usd.is_some_and(|budget| !within(budget)) {
        return Some(Reason::OverBudget);
    }
    match (agent.state, agent.health) {
        (State::Pending, _) => Some(Reason::Pending),
        (State::Draining, _) => Some(Reason::Draining),
        (State::Offline, _) => Some(Reason::Offline),
        (_, Health::Unhealthy) => Some(Reason::Unhealthy),
        _ if agent.capacity == 0 => Some(Reason::Full),
        _ => (agent.open >= agent.capacity.saturating_add(agent.backlog)).then_some(Reason::Full),
    }
}

fn lack(agent: &Agent, need: &Need) -> Option<Reason> {
    match (agent.capabilities.get(&need.capability), need.minimum) {
        (None, _) => Some(Reason::MissingCapability),
        (Some(has), Some(minimum)) if *has < minimum => Some(Reason::OldVersion),
        _ => None,
    }
}

/// A number that others are computed with: what is no number, or below nothing, is nothing; the rest stays finite.
fn sound(value: f64) -> f64 {
    if value.is_finite() {
        value.clamp(0.0, 1e9)
    } else {
        0.0
    }
}

/// To so many decimal places: few digits are stored for each candidate, and read back as they were.
fn rounded<const PLACES: i32>(value: f64) -> f64 {
    let scale = 10_f64.powi(PLACES);
    // As `round` does for what is not negative, without a call.
    (value * scale + 0.5) as u64 as f64 / scale
}

fn cost(agent: &Agent, task: &Task, settings: &Settings) -> f64 {
    let tokens = task.expected_tokens.unwrap_or(settings.usual_tokens);
    sound(agent.usd_per_1k_tokens) * tokens as f64 / 1_000.0
}

/// Wishes that are fulfilled, and one more for how little else the agent could be used for: of two that fulfil the same,
/// the one that can do less stays away from fewer other tasks.
fn fit(agent: &Agent, task: &Task) -> f64 {
    let wished = task.wishes.len() + task.preferred_labels.len();
    let capabilities = task.wishes.iter().filter(|need| lack(agent, need).is_none());
    let labels = task.preferred_labels.iter();
    let labels = labels.filter(|(name, value)| agent.labels.get(*name) == Some(value));
    let fulfilled = capabilities.clone().count() + labels.count();
    let used = task.needs.len() + capabilities.count();
    let special = used as f64 / agent.capabilities.len().max(used).max(1) as f64;
    (fulfilled as f64 + special) / (wished + 1) as f64
}

/// What all who can take the task have shown of its type: what one of them is taken to be like until more is known.
struct Average {
    success: f64,
    seconds: f64,
    squared_seconds: f64,
}

impl Average {
    fn of(known: &[Experience], settings: &Settings) -> Self {
        let all = known
            .iter()
            .copied()
            .fold(Experience::default(), Experience::with);
        let usual = sound(settings.usual_seconds);
        let weight = sound(all.weight());
        Self {
            // As if one had succeeded and one had failed before anything was known.
            success: (sound(all.successes) + 1.0) / (weight + 2.0),
            seconds: (sound(all.seconds) + usual) / (weight + 1.0),
            squared_seconds: (sound(all.squared_seconds) + usual * usual) / (weight + 1.0),
        }
    }

    fn candidate(&self, agent: &Agent, known: &Experience, at: &Asked<'_>) -> Candidate {
        let Asked {
            snapshot,
            task,
            settings,
        } = *at;
        // Never nothing: an agent of which nothing is known is like the average.
        let prior = sound(settings.prior_weight).max(0.01);
        let weight = sound(known.weight()) + prior;
        let together = |own: f64, average: f64| (sound(own) + prior * average) / weight;
        // Not below 1 %: costs and times are divided by it.
        let success = together(known.successes, self.success).max(0.01);
        let run_seconds = together(known.seconds, self.seconds);
        let squared = together(known.squared_seconds, self.squared_seconds);
        let deviation = (squared - run_seconds * run_seconds).max(0.0).sqrt();

        let capacity = f64::from(agent.capacity);
        // What it said at its last heartbeat may be old; what it holds of ours is known exactly.
        let busy = f64::from(agent.open).max(sound(agent.workload).min(1.0) * capacity);
        let wait_seconds = (busy + 1.0 - capacity).max(0.0) / capacity * run_seconds;
        let left = |deadline: u64| deadline as f64 / 1_000.0 - snapshot.taken_at as f64 / 1_000.0;
        // One standard deviation more than the mean: about five of six will be quicker.
        let late = |deadline| (wait_seconds + run_seconds + deviation - left(deadline)).max(0.0);
        Candidate {
            agent: agent.id,
            load: rounded::<4>(busy / capacity),
            fit: rounded::<4>(fit(agent, task)),
            success: rounded::<4>(success),
            wait_seconds: rounded::<3>(wait_seconds),
            run_seconds: rounded::<3>(run_seconds),
            cost_usd: rounded::<6>(cost(agent, task, settings)),
            late_seconds: rounded::<3>(task.deadline.map_or(0.0, late)),
            last_chosen: agent.last_chosen,
        }
    }
}
