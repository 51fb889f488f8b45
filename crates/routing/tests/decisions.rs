//! Who is chosen, who is left out and why, and with which probability.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says no"
)]

#[path = "scene/agents.rs"]
mod scene;

use std::collections::BTreeMap;

use proptest::prelude::*;
use routing::{Agent, Decision, Experience, Health, Name, Outcome, Reason, Settings, State, Task, decide};
use scene::{NOW, agents, entropy, need, task};
use uuid::Uuid;

/// Nothing is left to chance.
fn settled() -> Settings {
    Settings {
        exploration: 0.0,
        ..Settings::default()
    }
}

fn chosen(name: Name, change: impl Fn(u128, &mut Agent), task: &Task) -> u128 {
    let decision = decide(name, &agents(1..=5, change), task, &settled(), entropy(1));
    decision.chosen.expect("somebody can take it").as_u128()
}

fn known(succeeded: bool, seconds: f64, times: usize) -> BTreeMap<String, Experience> {
    let outcome = Outcome {
        succeeded,
        seconds,
        ended_at: NOW,
    };
    let all = (0..times).fold(Experience::default(), |known, _| known.after(outcome, 3_600.0));
    BTreeMap::from([("review".to_owned(), all)])
}

#[test]
fn round_robin_gives_everyone_a_turn_before_anyone_has_a_second() {
    let mut snapshot = agents(1..=5, |_, _| {});
    let mut taken = Vec::new();
    for number in 1..=15 {
        let decision = decide(Name::RoundRobin, &snapshot, &task(), &settled(), entropy(number));
        let id = decision.chosen.unwrap();
        let agent = snapshot.agents.iter_mut().find(|agent| agent.id == id).unwrap();
        agent.last_chosen = number;
        taken.push(id.as_u128());
    }
    for turn in taken.chunks(5) {
        let mut turn = turn.to_vec();
        turn.sort_unstable();
        assert_eq!(turn, [1, 2, 3, 4, 5], "{taken:?}");
    }
}

#[test]
fn least_loaded_counts_what_an_agent_holds_against_what_it_can_do_at_once() {
    let by_open = |number, agent: &mut Agent| {
        agent.open = 1;
        agent.capacity = if number == 3 { 4 } else { 2 };
    };
    assert_eq!(chosen(Name::LeastLoaded, by_open, &task()), 3);
    let by_word = |number, agent: &mut Agent| agent.workload = if number == 4 { 0.1 } else { 0.6 };
    assert_eq!(
        chosen(Name::LeastLoaded, by_word, &task()),
        4,
        "what it says counts too"
    );
}

#[test]
fn capability_match_goes_by_wishes_and_then_by_who_can_do_little_else() {
    let mut wished = task();
    wished.wishes = vec![need("rust", Some("2"))];
    wished.preferred_labels = BTreeMap::from([("region".to_owned(), "us".to_owned())]);
    let change = |number, agent: &mut Agent| {
        let rust = if number == 2 { "2.1" } else { "1.9" };
        agent
            .capabilities
            .insert("rust".to_owned(), rust.parse().unwrap());
        if number == 2 || number == 4 {
            agent.labels.insert("region".to_owned(), "us".to_owned());
        }
    };
    assert_eq!(chosen(Name::CapabilityMatch, change, &wished), 2);
    let special = |number, agent: &mut Agent| {
        if number != 5 {
            agent
                .capabilities
                .insert("deploy".to_owned(), "1".parse().unwrap());
        }
    };
    assert_eq!(chosen(Name::CapabilityMatch, special, &task()), 5);
}

#[test]
fn performance_based_goes_by_time_until_a_success() {
    let change = |number, agent: &mut Agent| {
        agent.experience = match number {
            // Quick, and fails: longer until a success than the third.
            2 => known(false, 5.0, 30),
            3 => known(true, 20.0, 30),
            _ => known(true, 60.0, 30),
        };
    };
    assert_eq!(chosen(Name::PerformanceBased, change, &task()), 3);
    let busy = |number, agent: &mut Agent| {
        change(number, agent);
        agent.open = if number == 3 { 3 } else { 0 };
        agent.backlog = 9;
        agent.capacity = 1;
    };
    assert_ne!(
        chosen(Name::PerformanceBased, busy, &task()),
        3,
        "three wait there already"
    );
}

#[test]
fn cost_optimized_takes_the_cheapest_that_will_be_in_time() {
    let change = |number, agent: &mut Agent| {
        agent.usd_per_1k_tokens = number as f64;
        agent.experience = known(true, if number == 1 { 500.0 } else { 30.0 }, 30);
    };
    let mut hurried = task();
    assert_eq!(chosen(Name::CostOptimized, change, &hurried), 1);
    hurried.deadline = Some(NOW + 120_000);
    assert_eq!(chosen(Name::CostOptimized, change, &hurried), 2);
}

#[test]
fn auto_follows_what_the_task_says_and_tells_whom_it_follows() {
    let follows = |task: &Task| {
        let decision = decide(Name::Auto, &agents(1..=3, |_, _| {}), task, &settled(), 1);
        assert_eq!(decision.strategy, "auto");
        decision.followed
    };
    let mut said = task();
    assert_eq!(follows(&said), "performance_based");
    said.wishes = vec![need("rust", None)];
    assert_eq!(follows(&said), "capability_match");
    said.budget_usd = Some(1.0);
    assert_eq!(follows(&said), "cost_optimized");
}

#[test]
fn everyone_who_is_left_out_is_told_with_the_first_reason() {
    let mut asked = task();
    asked.needs = vec![need("review", Some("1.2")), need("rust", None)];
    asked.agent_type = Some("ide".to_owned());
    asked.labels = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
    asked.budget_usd = Some(0.05);
    asked.not_to.insert(Uuid::from_u128(1));
    let snapshot = agents(1..=14, |number, agent| {
        agent
            .capabilities
            .insert("review".to_owned(), "1.2".parse().unwrap());
        agent.capabilities.insert("rust".to_owned(), "1".parse().unwrap());
        match number {
            2 => agent.agent_type = "slack".to_owned(),
            3 => agent.labels.clear(),
            4 => drop(agent.capabilities.remove("rust")),
            5 => drop(
                agent
                    .capabilities
                    .insert("review".to_owned(), "1.1.9".parse().unwrap()),
            ),
            6 => agent.usd_per_1k_tokens = 0.06,
            7 => agent.state = State::Pending,
            8 => agent.state = State::Draining,
            9 => agent.state = State::Offline,
            10 => agent.health = Health::Unhealthy,
            11 => agent.open = 4,
            12 => agent.health = Health::Degraded,
            13 => agent.state = State::Degraded,
            _ => {}
        }
    });
    let decision = decide(Name::LeastLoaded, &snapshot, &asked, &settled(), 1);
    let mut told: Vec<_> = decision
        .left_out
        .iter()
        .map(|out| (out.agent.as_u128(), out.reason))
        .collect();
    told.sort_unstable();
    let expected = [
        (1, Reason::NotToIt),
        (2, Reason::WrongType),
        (3, Reason::MissingLabel),
        (4, Reason::MissingCapability),
        (5, Reason::OldVersion),
        (6, Reason::OverBudget),
        (7, Reason::Pending),
        (8, Reason::Draining),
        (9, Reason::Offline),
        (10, Reason::Unhealthy),
        (11, Reason::Full),
        (12, Reason::Degraded),
        (13, Reason::Degraded),
    ];
    assert_eq!(told, expected);
    assert_eq!(decision.chosen, Some(Uuid::from_u128(14)));
    assert_eq!(decision.reasons().len(), 12);
}

#[test]
fn degraded_agents_take_what_nobody_else_can() {
    let snapshot = agents(1..=2, |number, agent| {
        agent.health = if number == 1 {
            Health::Degraded
        } else {
            Health::Unhealthy
        };
    });
    let decision = decide(Name::LeastLoaded, &snapshot, &task(), &settled(), 1);
    assert_eq!(decision.chosen, Some(Uuid::from_u128(1)));
}

#[test]
fn whether_waiting_may_help_is_told_when_nobody_can_take_it() {
    let full = agents(1..=3, |_, agent| agent.open = 4);
    let decision = decide(Name::Auto, &full, &task(), &Settings::default(), 1);
    assert_eq!((decision.chosen, decision.probability), (None, 0.0));
    assert!(decision.waiting_may_help());
    let unable = agents(1..=3, |_, agent| agent.capabilities.clear());
    assert!(!decide(Name::Auto, &unable, &task(), &Settings::default(), 1).waiting_may_help());
    let nobody = agents(1..=1, |_, agent| agent.capacity = 0);
    assert_eq!(
        decide(Name::Auto, &nobody, &task(), &Settings::default(), 1).chosen,
        None
    );
}

#[test]
fn agents_are_chosen_as_often_as_their_probability_says() {
    let snapshot = agents(1..=6, |number, agent| agent.open = u32::from(number > 2));
    let settings = Settings {
        exploration: 0.3,
        ..Settings::default()
    };
    let (mut counts, mut explored) = ([0.0; 6], 0.0);
    let draws = 60_000;
    let made = |number| decide(Name::LeastLoaded, &snapshot, &task(), &settings, entropy(number));
    for decision in (0..draws).map(made) {
        counts[decision.chosen.unwrap().as_u128() as usize - 1] += 1.0;
        explored += f64::from(u8::from(decision.exploration.explored));
    }
    // Two share what is not explored: 0.7 / 2 + 0.3 / 6.
    let said: Vec<_> = made(0).eligible.iter().map(|one| one.probability).collect();
    for (count, (said, expected)) in counts
        .iter()
        .zip(said.iter().zip([0.4, 0.4, 0.05, 0.05, 0.05, 0.05]))
    {
        assert!((said - expected).abs() < 1e-12, "{said}");
        // Five standard deviations.
        let tolerance = 5.0 * (said * (1.0 - said) / draws as f64).sqrt();
        assert!((count / draws as f64 - said).abs() < tolerance, "{counts:?}");
    }
    assert!((explored / draws as f64 - 0.3).abs() < 0.01, "{explored}");
}

#[test]
fn a_stored_decision_shows_every_strategy_what_it_saw() {
    let snapshot = agents(1..=9, |number, agent| {
        agent.experience = known(number % 3 > 0, 17.3 + number as f64 / 7.0, number as usize);
        agent.open = number as u32 % 4;
    });
    let decision = decide(Name::Auto, &snapshot, &task(), &Settings::default(), entropy(3));
    let stored = serde_json::to_string(&decision).unwrap();
    let read: Decision = serde_json::from_str(&stored).unwrap();
    let candidates = |of: &Decision| {
        of.eligible
            .iter()
            .map(|one| one.candidate.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(candidates(&read), candidates(&decision), "{stored}");
    assert_eq!((read.chosen, read.left_out), (decision.chosen, decision.left_out));
    assert!((read.probability - decision.probability).abs() < 1e-12);
}

#[test]
fn every_strategy_is_found_by_its_stored_name() {
    for name in Name::ALL {
        assert_eq!(name.as_str().parse(), Ok(name));
        assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
    }
    assert!(
        "fastest"
            .parse::<Name>()
            .unwrap_err()
            .to_string()
            .contains("`fastest`")
    );
}

fn odd_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-1.0),
        Just(0.0),
        0.0..2.0,
        Just(1e300)
    ]
}

fn odd_agent() -> impl Strategy<Value = Agent> {
    let counts = (
        0..5_u32,
        0..3_u32,
        prop_oneof![0..3_u32, Just(u32::MAX)],
        any::<u64>(),
    );
    let numbers = proptest::collection::vec(odd_number(), 6);
    (1..1_000_u128, counts, numbers, any::<bool>()).prop_map(|(id, counts, numbers, degraded)| {
        let mut agent = scene::agent(id);
        (agent.open, agent.capacity, agent.backlog, agent.last_chosen) = counts;
        (agent.workload, agent.usd_per_1k_tokens) = (numbers[0], numbers[1]);
        agent.health = if degraded {
            Health::Degraded
        } else {
            Health::Unknown
        };
        let odd = Experience {
            successes: numbers[2],
            failures: numbers[3],
            seconds: numbers[4],
            squared_seconds: numbers[5],
            as_of: NOW,
        };
        agent.experience.insert("review".to_owned(), odd);
        agent
    })
}

proptest! {
    #[test]
    fn whatever_agents_report_probabilities_add_up_and_nobody_is_forgotten(
        reported in proptest::collection::vec(odd_agent(), 0..12),
        exploration in odd_number(),
        deadline in proptest::option::of(0..2 * NOW),
        entropy in any::<u64>(),
    ) {
        let settings = Settings { exploration, ..Settings::default() };
        let snapshot = routing::Snapshot { number: 1, taken_at: NOW, agents: reported };
        let asked = Task { deadline, ..task() };
        for name in Name::ALL {
            let decision = decide(name, &snapshot, &asked, &settings, entropy);
            prop_assert_eq!(&decision, &decide(name, &snapshot, &asked, &settings, entropy));
            prop_assert_eq!(decision.eligible.len() + decision.left_out.len(), snapshot.agents.len());
            prop_assert_eq!(decision.chosen.is_some(), !decision.eligible.is_empty());
            let sum: f64 = decision.eligible.iter().map(|one| one.probability).sum();
            prop_assert!(decision.eligible.is_empty() || (sum - 1.0).abs() < 1e-9, "{sum}");
            prop_assert!(decision.chosen.is_none() || decision.probability > 0.0);
            let stored = serde_json::to_string(&decision).unwrap();
            prop_assert_eq!(serde_json::from_str::<Decision>(&stored).ok().map(|read| read.chosen), Some(decision.chosen));
        }
    }
}
