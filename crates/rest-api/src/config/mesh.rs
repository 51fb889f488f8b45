//! Agents and the tasks that they are given.

use std::sync::Arc;

use control::Rules;
use domain::task::Price;
use runtime::config::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Agents.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsConfig {
    /// How long an agent that does not say otherwise may be silent before it counts as lost and its tasks go to others; at
    /// half of it it counts as late. 30 s: with a heartbeat every ten seconds two may get lost.
    pub heartbeat: Duration,
}

impl Default for AgentsConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
        }
    }
}

/// Tasks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TasksConfig {
    /// How long an agent may think about a task that it is given, where the task does not say. 30 s: an agent that is there
    /// answers in milliseconds; one that is busy with something else in this time is not the right one.
    pub accept: Duration,
    /// How long an agent may be silent about a task that it has accepted, where the task does not say. Five minutes: a step
    /// of a model or a build takes as long, and progress begins the time anew.
    pub silence: Duration,
    /// When a task that names no deadline is over. A day: nothing waits for ever for an agent that never comes.
    pub deadline: Duration,
    /// How often a task is tried, where it does not say. Three: an agent that fails by bad luck does so rarely twice.
    pub max_attempts: u32,
    /// The largest input of a task, as JSON. 256 KiB; what is larger belongs where the agent can read it.
    pub max_input: ByteSize,
    /// The largest result of a task, as JSON. 1 MiB, the largest message of the WebSocket protocol.
    pub max_result: ByteSize,
    /// How often silent agents and due tasks are looked for. One second: so much later than it could be a time-out is seen.
    pub sweep_interval: Duration,
}

impl Default for TasksConfig {
    fn default() -> Self {
        Self {
            accept: Duration::from_secs(30),
            silence: Duration::from_mins(5),
            deadline: Duration::from_hours(24),
            max_attempts: 3,
            max_input: ByteSize::kib(256),
            max_result: ByteSize::mib(1),
            sweep_interval: Duration::from_secs(1),
        }
    }
}

/// How agents are chosen for tasks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingConfig {
    /// Share of the choices, 0 to 1, that fall on any agent that can take the task: how new agents come to be known, and what
    /// replays of other strategies rest on. 0.05: enough for both, and nineteen of twenty tasks still go where they should.
    pub exploration: f64,
    /// After how long an outcome counts half. A day: what was learned yesterday still counts, a model that was replaced last
    /// week does not.
    pub half_life: Duration,
}

impl Default for RoutingConfig {
    fn default() -> Self {
        Self {
            exploration: 0.05,
            half_life: Duration::from_hours(24),
        }
    }
}

/// What a model costs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    /// Its name, as agents say it when they register.
    pub model: String,
    /// USD for 1,000 tokens that it reads.
    pub input_usd_per_1k: f64,
    /// USD for 1,000 tokens that it writes.
    pub output_usd_per_1k: f64,
}

impl ModelPrice {
    /// Less than nothing, and what is no number, is nothing.
    fn entry(&self) -> (String, Price) {
        let price = Price {
            input_usd_per_1k: self.input_usd_per_1k.max(0.0),
            output_usd_per_1k: self.output_usd_per_1k.max(0.0),
        };
        (self.model.clone(), price)
    }
}

/// As the verbs want them.
#[must_use]
pub fn rules(
    agents: &AgentsConfig,
    tasks: &TasksConfig,
    routing: &RoutingConfig,
    prices: &[ModelPrice],
) -> Rules {
    let seconds = |duration: Duration| u32::try_from(duration.get().as_secs()).unwrap_or(u32::MAX).max(1);
    Rules {
        heartbeat_seconds: seconds(agents.heartbeat),
        accept_seconds: seconds(tasks.accept),
        silence_seconds: seconds(tasks.silence),
        deadline_seconds: seconds(tasks.deadline),
        max_attempts: tasks.max_attempts.max(1),
        max_input: tasks.max_input.as_len(),
        max_result: tasks.max_result.as_len(),
        prices: Arc::new(prices.iter().map(ModelPrice::entry).collect()),
        routing: routing::Settings {
            exploration: routing.exploration,
            half_life_seconds: routing.half_life.get().as_secs_f64(),
            ..routing::Settings::default()
        },
    }
}
