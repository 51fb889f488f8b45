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
    /// How long an agent whose connection broke, and whose client cannot come back to it (any more), may be away before it
    /// counts as lost. 10 s: enough to connect anew and be heard, and less than three missed heartbeats.
    pub grace: Duration,
}

impl Default for AgentsConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            grace: Duration::from_secs(10),
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

/// Messages between agents.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesConfig {
    /// The largest body of a message, as JSON. 64 KiB: a message says something, what is larger belongs into a task or where
    /// the receiver can read it.
    pub max_body: ByteSize,
    /// How many messages may wait for one agent. 1,000: an agent that is behind by more will not catch up, and its senders
    /// are to know it.
    pub max_waiting: u32,
    /// How long a message that does not say otherwise is kept for its receivers; at most a week. A day: an agent that is
    /// restarted or updated still gets it.
    pub expires: Duration,
}

impl Default for MessagesConfig {
    fn default() -> Self {
        Self {
            max_body: ByteSize::kib(64),
            max_waiting: 1_000,
            expires: Duration::from_hours(24),
        }
    }
}

/// What happens, for those who follow it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// How many streams one tenant may have open at a replica. 100: people and dashboards; a program that needs more takes
    /// one and passes it on.
    pub max_per_tenant: u32,
    /// How many of them one key may have. 20.
    pub max_per_key: u32,
    /// How often a stream that has nothing to tell shows that it lives. 15 s, below the time-outs of usual proxies.
    pub heartbeat: Duration,
    /// How often it is looked whether a stream's key or access token is still good. That it was revoked is heard of at once, and
    /// its end is known; 2 s is for the replica whose notices from the database do not arrive.
    pub recheck: Duration,
    /// A reader that takes nothing for so long is let go. 30 s: it goes on with `Last-Event-ID` when it can.
    pub slow_reader: Duration,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            max_per_tenant: 100,
            max_per_key: 20,
            heartbeat: Duration::from_secs(15),
            recheck: Duration::from_secs(2),
            slow_reader: Duration::from_secs(30),
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

/// More than this for 1,000 tokens is a mistake of units.
const MAX_PRICE: f64 = 1_000.0;

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
    fn entry(&self) -> (String, Price) {
        let price = Price {
            input_usd_per_1k: self.input_usd_per_1k,
            output_usd_per_1k: self.output_usd_per_1k,
        };
        (self.model.clone(), price)
    }
}

/// A setting that cannot be, and what is expected of it.
pub type Misfit = (String, String);

/// Looks at the numbers that choices and costs are reckoned with: one that is no number would spread to all of them.
///
/// # Errors
/// The first that cannot be.
pub fn check(config: &super::Config) -> Result<(), Misfit> {
    let mut models = std::collections::BTreeSet::new();
    for (at, price) in config.prices.iter().enumerate() {
        let misfit = |field: &str, expected: &str| {
            let model = &price.model;
            Err((
                format!("prices[{at}].{field}"),
                format!("{expected} (model {model:?})"),
            ))
        };
        if price.model.trim().is_empty() {
            return misfit("model", "the name of a model");
        }
        if !models.insert(&price.model) {
            return misfit("model", "a model that has no other price in the list");
        }
        for (field, usd) in [
            ("input_usd_per_1k", price.input_usd_per_1k),
            ("output_usd_per_1k", price.output_usd_per_1k),
        ] {
            if !(0.0..=MAX_PRICE).contains(&usd) {
                return misfit(field, &format!("0 to {MAX_PRICE} USD"));
            }
        }
    }
    if !(0.0..=1.0).contains(&config.routing.exploration) {
        return Err(("routing.exploration".to_owned(), "0 to 1".to_owned()));
    }
    if config.routing.half_life.get().is_zero() {
        return Err(("routing.half_life".to_owned(), "more than 0".to_owned()));
    }
    Ok(())
}

/// As the verbs want them.
#[must_use]
pub fn rules(config: &super::Config) -> Rules {
    let (agents, tasks, routing) = (&config.agents, &config.tasks, &config.routing);
    let prices = &config.prices;
    let seconds = |duration: Duration| u32::try_from(duration.get().as_secs()).unwrap_or(u32::MAX).max(1);
    Rules {
        heartbeat_seconds: seconds(agents.heartbeat),
        grace_seconds: seconds(agents.grace),
        accept_seconds: seconds(tasks.accept),
        silence_seconds: seconds(tasks.silence),
        deadline_seconds: seconds(tasks.deadline),
        max_attempts: tasks.max_attempts.max(1),
        max_input: tasks.max_input.as_len(),
        max_result: tasks.max_result.as_len(),
        prices: Arc::new(prices.iter().map(ModelPrice::entry).collect()),
        messages: control::messages::Bounds {
            max_body: config.messages.max_body.as_len(),
            max_waiting: config.messages.max_waiting.max(1),
            expires_seconds: seconds(config.messages.expires).min(7 * 24 * 3_600),
        },
        routing: routing::Settings {
            exploration: routing.exploration,
            half_life_seconds: routing.half_life.get().as_secs_f64(),
            ..routing::Settings::default()
        },
    }
}
