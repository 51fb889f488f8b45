//! The agents and tasks of a simulation: what is true of them, and what of it the router is told.

use std::collections::BTreeMap;

use routing::{Agent, Health, Need, State, Task, Version};
use uuid::Uuid;

use crate::random::Random;

/// Kinds of tasks; each needs the capability of its number.
pub const TYPES: usize = 6;
const CAPABILITIES: usize = 8;
const REGIONS: [&str; 3] = ["eu", "us", "ap"];
/// What 1,000 tokens of a model cost, how often it succeeds, and how long it takes: dear ones do better.
const MODELS: [(f64, f64, f64); 4] = [
    (0.0005, 0.80, 1.0),
    (0.002, 0.86, 1.1),
    (0.008, 0.92, 0.9),
    (0.03, 0.95, 1.2),
];
/// Seconds of work on a task of each kind, at a usual agent.
const SECONDS: [f64; TYPES] = [15.0, 25.0, 35.0, 45.0, 60.0, 80.0];

/// What nobody tells the router.
pub struct Truth {
    /// Seconds against those of a usual agent, for each kind of task.
    pub pace: [f64; TYPES],
    /// Probability of a success, for each kind of task.
    pub success: [f64; TYPES],
}

/// A task, and what will happen to it wherever it goes.
pub struct Job {
    /// What the router is told.
    pub task: Task,
    /// Its kind.
    pub kind: usize,
    /// When it comes, in milliseconds.
    pub at: u64,
    /// What kind of demand it makes.
    pub class: Class,
    /// Luck of each attempt: below the probability of success it succeeds.
    pub luck: [f64; ATTEMPTS],
    /// Length of each attempt against the usual one.
    pub length: [f64; ATTEMPTS],
    /// Tokens that an attempt takes.
    pub tokens: f64,
}

impl Job {
    /// Whether the agent could take it if it has room.
    pub fn may_go_to(&self, agent: &Agent) -> bool {
        let able = |need: &Need| {
            let has = agent.capabilities.get(&need.capability);
            has.is_some_and(|has| need.minimum.is_none_or(|minimum| *has >= minimum))
        };
        let room = agent.open < agent.capacity + agent.backlog;
        room && self.task.needs.iter().all(able) && !self.task.not_to.contains(&agent.id)
    }
}

/// Attempts of a task before it is given up.
pub const ATTEMPTS: usize = 3;

/// What kind of demand a task makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// None.
    Plain,
    /// Capabilities and a region that would be good to have.
    Wishes,
    /// A deadline.
    Deadline,
    /// A budget and a deadline.
    Budget,
}

/// The agents, as the router knows them, and what is true of them.
pub fn agents(count: usize, random: &mut Random) -> (Vec<Agent>, Vec<Truth>) {
    (0..count).map(|number| agent(number, random)).unzip()
}

fn agent(number: usize, random: &mut Random) -> (Agent, Truth) {
    let (price, success, pace) = MODELS[random.below(MODELS.len())];
    let mut capabilities = BTreeMap::new();
    // At least one that tasks need.
    capabilities.insert(capability(random.below(TYPES)), version(random));
    for _ in 0..random.below(5) {
        capabilities.insert(capability(random.below(CAPABILITIES)), version(random));
    }
    let own = random.spread(0.4);
    let truth = Truth {
        pace: std::array::from_fn(|_| pace * own * random.spread(0.3)),
        success: std::array::from_fn(|_| (success + random.between(-0.25, 0.1)).clamp(0.3, 0.99)),
    };
    let capacity = 1 + random.below(4) as u32;
    let region = REGIONS[random.below(REGIONS.len())];
    let agent = Agent {
        id: Uuid::from_u128(number as u128),
        agent_type: "custom".to_owned(),
        state: State::Active,
        health: Health::Healthy,
        capabilities,
        labels: BTreeMap::from([("region".to_owned(), region.to_owned())]),
        usd_per_1k_tokens: price,
        workload: 0.0,
        open: 0,
        capacity,
        backlog: capacity,
        last_chosen: 0,
        experience: BTreeMap::new(),
    };
    (agent, truth)
}

fn capability(number: usize) -> String {
    format!("capability-{number}")
}

fn version(random: &mut Random) -> Version {
    Version([1 + random.below(3) as u32, 0, 0])
}

/// Seconds of work on a task of this kind at a usual agent.
pub fn usual_seconds(kind: usize) -> f64 {
    SECONDS[kind]
}

/// Tasks in bursts: quiet and busy times follow one another, and in the busy ones five times as many come.
pub fn jobs(count: usize, per_second: f64, random: &mut Random) -> Vec<Job> {
    let (mut now, mut busy, mut until) = (0.0, false, 0.0);
    // Busy a fifth of the time: quiet is so slow that the mean is as asked.
    let quiet = per_second / 1.8;
    let mut jobs = Vec::with_capacity(count);
    while jobs.len() < count {
        if now >= until {
            busy = !busy;
            until = now + random.exponential(if busy { 15.0 } else { 60.0 });
        }
        now += random.exponential(1.0 / if busy { 5.0 * quiet } else { quiet });
        jobs.push(job((now * 1_000.0) as u64, random));
    }
    jobs
}

fn job(at: u64, random: &mut Random) -> Job {
    let kind = random.below(TYPES);
    let tokens = 2_000.0 * random.spread(0.5);
    let class = [Class::Plain, Class::Wishes, Class::Deadline, Class::Budget][random.below(4)];
    let newest = random.chance(0.3).then_some(Version([2, 0, 0]));
    let need = |number: usize, minimum| Need {
        capability: capability(number),
        minimum,
    };
    let mut task = Task {
        task_type: format!("type-{kind}"),
        needs: vec![need(kind, newest)],
        expected_tokens: Some(tokens as u64),
        ..Task::default()
    };
    let deadline = at + (SECONDS[kind] * random.between(1.5, 5.0) * 1_000.0) as u64;
    let region = REGIONS[random.below(REGIONS.len())].to_owned();
    let wished = (kind + 1 + random.below(CAPABILITIES - 1)) % CAPABILITIES;
    match class {
        Class::Plain => {}
        Class::Wishes => {
            task.wishes = vec![need(wished, None)];
            task.preferred_labels = BTreeMap::from([("region".to_owned(), region)]);
        }
        Class::Deadline => task.deadline = Some(deadline),
        Class::Budget => {
            task.deadline = Some(deadline);
            task.budget_usd = Some(1.0);
        }
    }
    Job {
        task,
        kind,
        at,
        class,
        luck: std::array::from_fn(|_| random.share()),
        // What the task is counts more than which attempt it is.
        length: [random.spread(0.4); ATTEMPTS].map(|length| length * random.spread(0.1)),
        // It takes about as many as it says.
        tokens: tokens * random.spread(0.2),
    }
}
