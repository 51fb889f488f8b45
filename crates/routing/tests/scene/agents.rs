//! Agents and tasks to decide on, and entropy.

use std::collections::BTreeMap;

use routing::{Agent, Health, Need, Snapshot, State, Task};
use uuid::Uuid;

/// 2026-11-21, in milliseconds since 1970.
pub const NOW: u64 = 1_795_262_400_000;

/// The agent of this number: well, idle, able to `review` in version 1.
pub fn agent(number: u128) -> Agent {
    Agent {
        id: Uuid::from_u128(number),
        agent_type: "ide".to_owned(),
        state: State::Active,
        health: Health::Healthy,
        capabilities: BTreeMap::from([("review".to_owned(), "1".parse().unwrap())]),
        labels: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        usd_per_1k_tokens: 0.01,
        workload: 0.0,
        open: 0,
        capacity: 2,
        backlog: 2,
        last_chosen: 0,
        experience: BTreeMap::new(),
    }
}

/// The agents of these numbers, each changed by `change`.
pub fn agents(numbers: std::ops::RangeInclusive<u128>, change: impl Fn(u128, &mut Agent)) -> Snapshot {
    let one = |number| {
        let mut agent = agent(number);
        change(number, &mut agent);
        agent
    };
    Snapshot {
        number: 7,
        taken_at: NOW,
        agents: numbers.map(one).collect(),
    }
}

/// A task that needs `review`.
pub fn task() -> Task {
    Task {
        task_type: "review".to_owned(),
        needs: vec![need("review", None)],
        ..Task::default()
    }
}

pub fn need(capability: &str, minimum: Option<&str>) -> Need {
    Need {
        capability: capability.to_owned(),
        minimum: minimum.map(|version| version.parse().unwrap()),
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the random number of this number.
pub fn entropy(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
