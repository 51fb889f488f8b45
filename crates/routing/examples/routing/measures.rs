//! What a run is judged by.

use routing::Agent;

use crate::world::{Class, Job};

/// An attempt that ended.
pub struct Attempt {
    /// When the work began, in milliseconds.
    pub began: u64,
    /// When it ended.
    pub now: u64,
    /// With a result.
    pub succeeded: bool,
    /// The first of its task.
    pub first: bool,
    /// The last of its task.
    pub last: bool,
    /// Seconds of work.
    pub seconds: f64,
}

/// Sums over the tasks that are measured.
pub struct Measures {
    warm_up: usize,
    given: Vec<f64>,
    wait: Mean,
    matched: Mean,
    failed: Mean,
    work: Mean,
    done: Mean,
    hurried: Mean,
    spent: f64,
    in_time: f64,
    budgeted: Mean,
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn value(&self) -> f64 {
        self.sum / self.count
    }
}

impl Measures {
    pub fn new(agents: usize, warm_up: usize) -> Self {
        Self {
            warm_up,
            given: vec![0.0; agents],
            wait: Mean::default(),
            matched: Mean::default(),
            failed: Mean::default(),
            work: Mean::default(),
            done: Mean::default(),
            hurried: Mean::default(),
            spent: 0.0,
            in_time: 0.0,
            budgeted: Mean::default(),
        }
    }

    /// An agent was given a task.
    pub fn given(&mut self, agent: usize, job: usize) {
        if job >= self.warm_up {
            self.given[agent] += 1.0;
        }
    }

    /// An attempt ended.
    pub fn ended(&mut self, number: usize, job: &Job, agent: &Agent, attempt: &Attempt) {
        if number < self.warm_up {
            return;
        }
        self.failed.add(f64::from(u8::from(!attempt.succeeded)));
        self.work.add(attempt.seconds);
        let passed = (attempt.now - job.at) as f64 / 1_000.0;
        if attempt.first {
            self.wait.add((attempt.began - job.at) as f64 / 1_000.0);
            if job.class == Class::Wishes {
                self.matched.add(fulfilled(job, agent));
            }
        }
        let in_time = attempt.succeeded && job.task.deadline.is_none_or(|deadline| attempt.now <= deadline);
        if job.class == Class::Budget {
            self.spent += agent.usd_per_1k_tokens * job.tokens / 1_000.0;
            self.in_time += f64::from(u8::from(in_time));
        }
        if attempt.last {
            // Of a task that was given up it is the time until it was.
            self.done.add(passed);
            match job.class {
                Class::Deadline => self.hurried.add(f64::from(u8::from(in_time))),
                Class::Budget => self.budgeted.add(f64::from(u8::from(in_time))),
                Class::Plain | Class::Wishes => {}
            }
        }
    }

    /// The figures, in the order of [`FIGURES`].
    pub fn figures(&self) -> [f64; FIGURES.len()] {
        [
            variation(&self.given),
            self.wait.value(),
            self.matched.value(),
            self.failed.value(),
            self.work.value(),
            self.done.value(),
            self.hurried.value(),
            1_000.0 * self.spent / self.in_time,
            self.budgeted.value(),
        ]
    }
}

/// Share of a task's wishes that the agent fulfils.
fn fulfilled(job: &Job, agent: &Agent) -> f64 {
    let capabilities = job
        .task
        .wishes
        .iter()
        .filter(|need| agent.capabilities.contains_key(&need.capability));
    let labels = job.task.preferred_labels.iter();
    let labels = labels.filter(|(name, value)| agent.labels.get(*name) == Some(value));
    let wished = job.task.wishes.len() + job.task.preferred_labels.len();
    (capabilities.count() + labels.count()) as f64 / wished as f64
}

/// Standard deviation of the counts against their mean.
fn variation(counts: &[f64]) -> f64 {
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
    (squares / counts.len() as f64).sqrt() / mean
}

/// A figure: its name, its unit, and whether less is better.
pub struct Figure {
    /// As the table shows it.
    pub name: &'static str,
    /// Decimal places.
    pub places: usize,
    /// Whether less is better.
    pub less: bool,
}

const fn less(name: &'static str, places: usize) -> Figure {
    Figure {
        name,
        places,
        less: true,
    }
}

const fn more(name: &'static str, places: usize) -> Figure {
    Figure {
        name,
        places,
        less: false,
    }
}

/// What is measured.
pub const FIGURES: [Figure; 9] = [
    less("balance: variation of tasks an agent", 3),
    less("wait, s", 2),
    more("match: wishes fulfilled", 3),
    less("quality: failed attempts", 3),
    less("duration of an attempt, s", 1),
    less("time until done, s", 1),
    more("done before the deadline", 3),
    less("cost of 1,000 in time, USD", 2),
    more("of those with a budget: in time", 3),
];
