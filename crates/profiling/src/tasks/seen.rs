//! What tasks answered, as a profile.

use std::panic::Location;
use std::time::Duration;

use crate::profile::{Frame, Label, Profile, Sample, ValueType};
use crate::symbols::Symbols;

/// One task, as it was met.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The part's name, or `task`.
    pub name: &'static str,
    /// Where it was started.
    pub at: &'static Location<'static>,
    /// Since when it lives.
    pub age: Duration,
    /// How often it has been polled.
    pub polls: u64,
    /// What it does.
    pub state: State,
    /// Addresses of each stack at which it left its waker, innermost first.
    pub stacks: Vec<Vec<usize>>,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits; its stacks say for what.
    Waiting,
    /// It was at work whenever it was looked at.
    Running,
    /// It has been in one poll all the time: it blocks a thread of the runtime.
    Blocking,
    /// It was woken and not polled in time: the threads of its runtime are taken.
    Starved,
}

impl State {
    /// Its name in the profile.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Blocking => "blocking its thread",
            Self::Starved => "not scheduled",
        }
    }
}

const WAITS: ValueType = ValueType {
    name: "waits",
    unit: "count",
};
const TASKS: ValueType = ValueType {
    name: "tasks",
    unit: "count",
};

pub(super) fn profile(seen: Vec<Seen>, others: usize) -> Profile {
    let symbols = Symbols::of(seen.iter().flat_map(|task| task.stacks.iter().map(Vec::as_slice)));
    let mut samples: Vec<Sample> = seen
        .into_iter()
        .flat_map(|task| of_one(&task, &symbols))
        .collect();
    if others > 0 {
        let frame = Frame {
            function: "tasks that libraries started, of which only the number is known".to_owned(),
            ..Frame::default()
        };
        samples.push(Sample {
            stack: vec![frame],
            values: vec![0, i64::try_from(others).unwrap_or(i64::MAX)],
            labels: Vec::new(),
        });
    }
    Profile {
        values: vec![WAITS, TASKS],
        samples,
        period: None,
        duration: Duration::ZERO,
        comments: vec![
            "a task that waits for several things has several stacks; the deepest one counts as the task"
                .to_owned(),
        ],
    }
}

fn of_one(task: &Seen, symbols: &Symbols) -> Vec<Sample> {
    let mut stacks: Vec<Vec<Frame>> = task
        .stacks
        .iter()
        .map(|addresses| own_part(symbols.stack(addresses)))
        .collect();
    stacks.sort_by_key(|stack| std::cmp::Reverse(stack.len()));
    stacks.dedup();
    let waits = i64::from(!stacks.is_empty());
    if stacks.is_empty() {
        stacks.push(Vec::new());
    }
    let root = Frame {
        function: format!("{} ({})", task.name, task.state.as_str()),
        file: task.at.file().to_owned(),
        line: task.at.line(),
    };
    let labels = vec![
        Label::Text("task", task.name.to_owned()),
        Label::Text("state", task.state.as_str().to_owned()),
        Label::Text("started_at", task.at.to_string()),
        Label::Number(
            "age",
            i64::try_from(task.age.as_millis()).unwrap_or(i64::MAX),
            "milliseconds",
        ),
        Label::Number("polls", i64::try_from(task.polls).unwrap_or(i64::MAX), "count"),
    ];
    let sample = |(at, mut stack): (usize, Vec<Frame>)| {
        stack.push(root.clone());
        Sample {
            stack,
            values: vec![waits, i64::from(at == 0)],
            labels: labels.clone(),
        }
    };
    stacks.into_iter().enumerate().map(sample).collect()
}

/// What lies between the poll of the task and the clone of its waker.
fn own_part(mut stack: Vec<Frame>) -> Vec<Frame> {
    let of_tracer = |frame: &Frame, function: &str| {
        frame.function.contains("tasks::tracer::") && frame.function.contains(function)
    };
    if let Some(at) = stack.iter().rposition(|frame| of_tracer(frame, "hand_on")) {
        stack.drain(..=at);
    }
    if let Some(at) = stack.iter().position(|frame| of_tracer(frame, "poll")) {
        stack.truncate(at);
    }
    let is_clone = |frame: &&Frame| frame.function.starts_with("core::task::wake::");
    let clones = stack.iter().take_while(is_clone).count();
    stack.drain(..clones);
    stack
}
