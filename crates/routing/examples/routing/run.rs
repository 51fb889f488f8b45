//! One run: tasks come, are given to agents by a strategy, wait there, are worked on, fail and are tried again. Virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use routing::{Experience, Outcome, Settings, Snapshot, Strategy, decide_by};

use crate::measures::{Attempt, Measures};
use crate::random::Random;
use crate::world::{ATTEMPTS, Job, TYPES, Truth, agents, jobs, usual_seconds};

/// How large a run is.
#[derive(Clone, Copy)]
pub struct Size {
    /// Agents.
    pub agents: usize,
    /// Tasks.
    pub tasks: usize,
    /// Tasks at the start that are not measured: nothing is known of anybody yet.
    pub warm_up: usize,
}

/// Milliseconds between two heartbeats of an agent, at which it tells how busy it is.
const HEARTBEAT: u64 = 10_000;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives(usize),
    Ends {
        agent: usize,
        job: usize,
        began: u64,
    },
    Tells(usize),
    /// Work that does not come from the mesh begins or ends at an agent.
    Foreign(usize),
}

struct Run<'a> {
    strategy: &'a dyn Strategy,
    settings: Settings,
    entropy: Random,
    foreign_luck: Random,
    snapshot: Snapshot,
    truths: Vec<Truth>,
    jobs: Vec<Job>,
    attempts: Vec<usize>,
    /// Tasks that wait at an agent.
    queues: Vec<VecDeque<usize>>,
    running: Vec<u32>,
    foreign: Vec<u32>,
    /// Tasks that nobody had room for, by kind.
    pending: Vec<VecDeque<usize>>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    measures: Measures,
    ended: usize,
}

/// Runs it to the end of the last task.
pub fn run(strategy: &dyn Strategy, size: Size, seed: u64) -> Measures {
    let (agents, truths) = agents(size.agents, &mut Random::new(seed, 1));
    // About two thirds of what the agents can do, over quiet and busy times.
    let jobs = jobs(size.tasks, size.agents as f64 / 36.0, &mut Random::new(seed, 2));
    let count = agents.len();
    let mut run = Run {
        strategy,
        settings: Settings::default(),
        entropy: Random::new(seed, 3),
        foreign_luck: Random::new(seed, 4),
        snapshot: Snapshot {
            number: 0,
            taken_at: 0,
            agents,
        },
        truths,
        attempts: vec![0; jobs.len()],
        queues: vec![VecDeque::new(); count],
        running: vec![0; count],
        foreign: vec![0; count],
        pending: vec![VecDeque::new(); TYPES],
        events: BinaryHeap::new(),
        measures: Measures::new(count, size.warm_up),
        jobs,
        ended: 0,
    };
    for (number, job) in run.jobs.iter().enumerate() {
        run.events.push(Reverse((job.at, Event::Arrives(number))));
    }
    for agent in 0..count {
        let first = run.foreign_luck.below(HEARTBEAT as usize) as u64;
        run.events.push(Reverse((first, Event::Tells(agent))));
        let first = run.foreign_luck.exponential(120_000.0) as u64;
        run.events.push(Reverse((first, Event::Foreign(agent))));
    }
    run.finish();
    run.measures
}

impl Run<'_> {
    fn finish(&mut self) {
        while self.ended < self.jobs.len() {
            let Some(Reverse((now, event))) = self.events.pop() else {
                return;
            };
            self.snapshot.taken_at = now;
            match event {
                Event::Arrives(job) => self.route(job),
                Event::Ends { agent, job, began } => self.ends(agent, job, began),
                Event::Tells(agent) => self.tells(agent),
                Event::Foreign(agent) => self.foreign(agent),
            }
        }
    }

    fn after(&mut self, milliseconds: u64, event: Event) {
        self.events
            .push(Reverse((self.snapshot.taken_at + milliseconds, event)));
    }

    /// Gives the task to an agent, or has it wait for one.
    fn route(&mut self, job: usize) {
        if !self.gave(job) {
            self.pending[self.jobs[job].kind].push_back(job);
        }
    }

    fn gave(&mut self, job: usize) -> bool {
        self.snapshot.number += 1;
        let task = &self.jobs[job].task;
        let decision = decide_by(
            self.strategy,
            &self.snapshot,
            task,
            &self.settings,
            self.entropy.bits(),
        );
        let Some(chosen) = decision.chosen else {
            return false;
        };
        let agent = chosen.as_u128() as usize;
        let known = &mut self.snapshot.agents[agent];
        known.open += 1;
        known.last_chosen = self.snapshot.number;
        self.measures.given(agent, job);
        self.queues[agent].push_back(job);
        self.begin(agent);
        true
    }

    /// Begins what waits at the agent while it has a place.
    fn begin(&mut self, agent: usize) {
        let places = self.snapshot.agents[agent].capacity;
        while self.running[agent] + self.foreign[agent] < places {
            let Some(job) = self.queues[agent].pop_front() else {
                return;
            };
            self.running[agent] += 1;
            let (of, attempt) = (&self.jobs[job], self.attempts[job]);
            let usual = usual_seconds(of.kind) * self.truths[agent].pace[of.kind];
            let milliseconds = (1_000.0 * usual * of.length[attempt]) as u64;
            let began = self.snapshot.taken_at;
            self.after(milliseconds, Event::Ends { agent, job, began });
        }
    }

    fn ends(&mut self, agent: usize, job: usize, began: u64) {
        let now = self.snapshot.taken_at;
        self.running[agent] -= 1;
        let of = &mut self.jobs[job];
        let attempt = self.attempts[job];
        self.attempts[job] += 1;
        let known = &mut self.snapshot.agents[agent];
        known.open -= 1;
        let succeeded = of.luck[attempt] < self.truths[agent].success[of.kind];
        let seconds = (now - began) as f64 / 1_000.0;
        let outcome = Outcome {
            succeeded,
            seconds,
            ended_at: now,
        };
        let experience = known.experience.entry(of.task.task_type.clone()).or_default();
        *experience = Experience::after(*experience, outcome, self.settings.half_life_seconds);
        let last = succeeded || attempt + 1 == ATTEMPTS;
        let ended = Attempt {
            began,
            now,
            succeeded,
            first: attempt == 0,
            last,
            seconds,
        };
        self.measures.ended(job, of, known, &ended);
        of.task.not_to.insert(known.id);
        if last {
            self.ended += 1;
        } else {
            self.route(job);
        }
        self.begin(agent);
        self.take_pending(agent);
    }

    /// An agent has room: what waits and could go to it is routed, the longest waiting first.
    fn take_pending(&mut self, agent: usize) {
        for kind in 0..TYPES {
            while let Some(job) = self.pending[kind].front().copied() {
                if !self.jobs[job].may_go_to(&self.snapshot.agents[agent]) || !self.gave(job) {
                    break;
                }
                self.pending[kind].pop_front();
            }
        }
    }

    fn tells(&mut self, agent: usize) {
        let known = &mut self.snapshot.agents[agent];
        let busy = f64::from(self.running[agent] + self.foreign[agent]);
        known.workload = (busy / f64::from(known.capacity)).min(1.0);
        self.after(HEARTBEAT, Event::Tells(agent));
    }

    /// A fifth of the time an agent is half taken up by others than the mesh.
    fn foreign(&mut self, agent: usize) {
        let some = self.snapshot.agents[agent].capacity.div_ceil(2);
        let (now, mean) = if self.foreign[agent] > 0 {
            (0, 120_000.0)
        } else {
            (some, 30_000.0)
        };
        self.foreign[agent] = now;
        let next = self.foreign_luck.exponential(mean) as u64;
        self.after(next, Event::Foreign(agent));
        self.begin(agent);
    }
}
