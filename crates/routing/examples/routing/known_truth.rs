//! Days of decisions of which the truth is known: what came of each, and what would have come of every other choice. A replay
//! sees the former; its intervals should hold the latter.

use std::collections::BTreeMap;

use routing::{
    Agent, Candidate, Decision, Experience, Health, Name, Outcome, Replay, Seen, Settings, Snapshot, State,
    Task, decide, replay, shares,
};
use uuid::Uuid;

use crate::random::Random;

/// How a day is made.
#[derive(Clone, Copy)]
pub struct Day {
    /// Agents.
    pub agents: usize,
    /// Decisions.
    pub decisions: usize,
    /// Share of exploration.
    pub exploration: f64,
    /// The strategy that decides.
    pub logging: Name,
}

/// The day that the figures of the documents are of.
pub const DAY: Day = Day {
    agents: 12,
    decisions: 4_000,
    exploration: 0.1,
    logging: Name::LeastLoaded,
};

/// What is replayed: wait, cost, failures.
pub const MEASURES: [&str; 3] = ["wait", "cost", "failures"];

/// What is true of an agent, and not what the router thinks.
struct Truth {
    success: f64,
    /// Waits and costs against what is foreseen.
    wait: f64,
    cost: f64,
}

/// A strategy's replay of one day, beside the truth of that day.
pub struct Judged {
    /// The strategy.
    pub name: Name,
    /// The replay.
    pub replay: Replay,
    /// What it would have come to.
    pub truth: [f64; 3],
    /// What was seen of the strategy that decided.
    pub seen: [f64; 3],
}

impl Judged {
    /// Whether each interval holds the truth; nothing where none was told.
    pub fn held(&self) -> [Option<bool>; 3] {
        let estimates = [
            self.replay.wait_seconds,
            self.replay.cost_usd,
            self.replay.failures,
        ];
        std::array::from_fn(|at| {
            estimates[at].map(|told| told.low <= self.truth[at] && self.truth[at] <= told.high)
        })
    }

    /// Width of each interval against the truth.
    pub fn width(&self) -> [f64; 3] {
        let estimates = [
            self.replay.wait_seconds,
            self.replay.cost_usd,
            self.replay.failures,
        ];
        std::array::from_fn(|at| {
            estimates[at].map_or(f64::NAN, |told| (told.high - told.low) / self.truth[at])
        })
    }
}

/// One day, and what replays say of it.
pub fn judge(day: Day, seed: u64) -> Vec<Judged> {
    let mut random = Random::new(seed, 11);
    let (mut snapshot, truths) = agents(day.agents, &mut random);
    let settings = Settings {
        exploration: day.exploration,
        ..Settings::default()
    };
    let mut logged = Vec::with_capacity(day.decisions);
    let mut truth = [[0.0; 3]; Name::ALL.len()];
    for number in 0..day.decisions as u64 {
        change(&mut snapshot, number, &mut random);
        let decision = decide(
            day.logging,
            &snapshot,
            &task(&snapshot, &mut random),
            &settings,
            random.bits(),
        );
        for (sums, name) in truth.iter_mut().zip(Name::ALL) {
            let means = expected(name, &decision, &truths);
            sums.iter_mut()
                .zip(means)
                .for_each(|(sum, mean)| *sum += mean / day.decisions as f64);
        }
        let Some(winner) = decision.winner() else { continue };
        let seen = seen(&winner.candidate, &truths, &mut random);
        logged.push((decision, seen));
    }
    let sum = |what: fn(&Seen) -> f64| logged.iter().map(|(_, seen)| what(seen)).sum::<f64>();
    let sums = [
        sum(|seen| seen.wait_seconds),
        sum(|seen| seen.cost_usd),
        sum(|seen| f64::from(u8::from(seen.failed))),
    ];
    let judged = |(name, truth): (Name, [f64; 3])| Judged {
        name,
        replay: replay(
            name.strategy(),
            logged.iter().map(|(decision, seen)| (decision, *seen)),
        ),
        truth,
        seen: sums.map(|sum| sum / logged.len() as f64),
    };
    Name::ALL.into_iter().zip(truth).map(judged).collect()
}

fn agents(count: usize, random: &mut Random) -> (Snapshot, Vec<Truth>) {
    let mut truths = Vec::new();
    let mut agents = Vec::new();
    for number in 0..count {
        let success = random.between(0.6, 0.98);
        // What was learned of it is about, but not quite, what is true.
        let mut known = Experience::default();
        let seconds = random.between(20.0, 60.0);
        for _ in 0..random.below(30) {
            let succeeded = random.chance(success);
            known = known.after(
                Outcome {
                    succeeded,
                    seconds,
                    ended_at: 0,
                },
                1e9,
            );
        }
        truths.push(Truth {
            success,
            wait: random.spread(0.4),
            cost: random.spread(0.4),
        });
        agents.push(Agent {
            id: Uuid::from_u128(number as u128),
            agent_type: "custom".to_owned(),
            state: State::Active,
            health: Health::Healthy,
            capabilities: BTreeMap::new(),
            labels: BTreeMap::from([("region".to_owned(), ["eu", "us", "ap"][number % 3].to_owned())]),
            usd_per_1k_tokens: random.between(0.001, 0.03),
            workload: 0.0,
            open: 0,
            capacity: 2,
            backlog: 6,
            last_chosen: 0,
            experience: BTreeMap::from([("only".to_owned(), known)]),
        });
    }
    (
        Snapshot {
            number: 0,
            taken_at: 0,
            agents,
        },
        truths,
    )
}

/// The agents at another moment: each with other tasks.
fn change(snapshot: &mut Snapshot, number: u64, random: &mut Random) {
    snapshot.number = number;
    for agent in &mut snapshot.agents {
        agent.open = random.below(7) as u32;
        agent.last_chosen = random.bits() >> 32;
    }
}

/// A third of the tasks says nothing but a deadline, a third has a wish too, a third a budget.
fn task(snapshot: &Snapshot, random: &mut Random) -> Task {
    let mut task = Task {
        task_type: "only".to_owned(),
        deadline: Some(snapshot.taken_at + (random.between(30.0, 400.0) * 1_000.0) as u64),
        expected_tokens: Some((1_000.0 * random.spread(0.5)) as u64),
        ..Task::default()
    };
    let region = ["eu", "us", "ap"][random.below(3)].to_owned();
    match random.below(3) {
        0 => {}
        1 => drop(task.preferred_labels.insert("region".to_owned(), region)),
        _ => task.budget_usd = Some(10.0),
    }
    task
}

fn truth_of<'a>(candidate: &Candidate, truths: &'a [Truth]) -> &'a Truth {
    &truths[candidate.agent.as_u128() as usize]
}

/// Seconds until the agent begins, on average: it is never quite idle.
fn wait(candidate: &Candidate, truth: &Truth) -> f64 {
    truth.wait * (candidate.wait_seconds + 2.0)
}

/// Luck of a wait: its mean is 1, and it lies far apart.
const SPREAD: f64 = 0.8;

/// What comes of a choice.
fn seen(candidate: &Candidate, truths: &[Truth], random: &mut Random) -> Seen {
    let truth = truth_of(candidate, truths);
    let luck = random.spread(SPREAD) * (-SPREAD * SPREAD / 2.0).exp();
    Seen {
        wait_seconds: wait(candidate, truth) * luck,
        cost_usd: candidate.cost_usd * truth.cost * random.between(0.5, 1.5),
        failed: !random.chance(truth.success),
    }
}

/// What would come of a decision by a strategy, on average.
fn expected(name: Name, decision: &Decision, truths: &[Truth]) -> [f64; 3] {
    let candidates: Vec<_> = decision
        .eligible
        .iter()
        .map(|one| one.candidate.clone())
        .collect();
    let shares = shares(name.strategy(), &decision.says, &candidates);
    let mut means = [0.0; 3];
    for (candidate, share) in candidates.iter().zip(shares) {
        let truth = truth_of(candidate, truths);
        let of_it = [
            wait(candidate, truth),
            candidate.cost_usd * truth.cost,
            1.0 - truth.success,
        ];
        means
            .iter_mut()
            .zip(of_it)
            .for_each(|(mean, of_it)| *mean += share * of_it);
    }
    means
}
