//! What can be set.

use std::{path::PathBuf, time::Duration};

/// Settings of a queue. All participants of one installation use the same `prefix`, `max_length` and `delivery_limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueOptions {
    /// First word of every exchange and queue: `devmesh` gives `devmesh.jobs.normal`. At most 100 bytes.
    pub prefix: String,
    /// PEM file with authorities to trust besides the public ones. Each connection reads it anew.
    pub authorities: Option<PathBuf>,
    /// How many messages a class holds before it refuses more. RabbitMQ may exceed it by a few.
    pub max_length: u32,
    /// How often a message may come back unanswered before it is put aside as dead; above the jobs' own attempt bound,
    /// so that it only catches messages that kill their worker before an attempt is counted.
    pub delivery_limit: u32,
    /// How long any operation may take, reconnecting included. A subscription's wait for messages is not bounded.
    pub timeout: Duration,
    /// How long every slot of a subscription may be taken before it gives up what it holds ahead of a backlog: messages wait
    /// there for this long at most while another worker is free. Below the time of a batch of short jobs it would give them
    /// up again and again, and the broker hands out each message twice.
    pub hold_ahead: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            prefix: "devmesh".into(),
            authorities: None,
            max_length: 100_000,
            delivery_limit: 20,
            timeout: Duration::from_secs(5),
            hold_ahead: Duration::from_millis(100),
        }
    }
}
