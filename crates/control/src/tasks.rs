//! Tasks: created and called off by people and agents, given to agents here, answered by them.

mod answer;
mod cancel;
mod change;
mod choose;
mod create;
mod delegate;
mod due;
mod learn;
mod read;
mod replay;
mod scene;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::task::Price;

pub use answer::{Answer, Said};
pub use create::NewTask;
pub use delegate::NewDelegation;
pub use learn::Lesson;
pub use read::{Explained, Offers};
pub use replay::{MAX_SINCE_SECONDS, Means, Replayed};

/// The bounds of agents and tasks, from the settings.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How long an agent that does not say otherwise may be silent, in seconds.
    pub heartbeat_seconds: u32,
    /// How long an agent whose connection broke may be away, in seconds.
    pub grace_seconds: u32,
    /// How long an agent may think about a task that it is given, in seconds.
    pub accept_seconds: u32,
    /// How long an agent may be silent about a task that it has accepted, in seconds.
    pub silence_seconds: u32,
    /// How often a task is tried.
    pub max_attempts: u32,
    /// When a task that names no deadline is over, in seconds.
    pub deadline_seconds: u32,
    /// The largest input of a task, in bytes of JSON.
    pub max_input: usize,
    /// The largest result of a task, in bytes of JSON.
    pub max_result: usize,
    /// What models cost, by name.
    pub prices: Arc<BTreeMap<String, Price>>,
    /// The bounds of messages.
    pub messages: crate::messages::Bounds,
    /// How agents are chosen.
    pub routing: routing::Settings,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            heartbeat_seconds: 30,
            grace_seconds: 10,
            accept_seconds: 30,
            silence_seconds: 300,
            max_attempts: 3,
            deadline_seconds: 24 * 3_600,
            max_input: 256 << 10,
            max_result: 1 << 20,
            prices: Arc::default(),
            messages: crate::messages::Bounds::default(),
            routing: routing::Settings::default(),
        }
    }
}
