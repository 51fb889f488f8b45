//! What a decision costs, by how many agents there are.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use routing::{Experience, Name, Outcome, Settings, Snapshot, Task, decide};

use crate::random::Random;
use crate::world::{agents, jobs};

/// Candidates that a condensed decision keeps here.
const KEEP: usize = 20;

/// Time, instructions (if valgrind is there) and stored size of decisions.
pub fn run(decisions: usize) -> Result<String, Box<dyn Error>> {
    let mut text = format!(
        "`auto` over agents of whom each has experience; median of {decisions} decisions, instructions by callgrind, and the JSON of \
         a decision, whole and condensed to {KEEP}.\n\n\
         | agents | time | instructions | whole | condensed |\n|---|---|---|---|---|\n"
    );
    for count in [10, 100, 1_000, 10_000] {
        let (snapshot, tasks) = scene(count);
        let mut times: Vec<_> = (0..decisions)
            .map(|at| timed(&snapshot, &tasks[at % tasks.len()]))
            .collect();
        times.sort_unstable();
        let made = decide(Name::Auto, &snapshot, &tasks[0], &Settings::default(), 7);
        let whole = serde_json::to_string(&made)?.len();
        let condensed = serde_json::to_string(&made.condensed(KEEP))?.len();
        let instructions = instructions(count).map_or_else(|| "–".to_owned(), |each| format!("{each:.0}"));
        let time = times[times.len() / 2] as f64 / 1_000.0;
        let _ = writeln!(
            text,
            "| {count} | {time:.1} µs | {instructions} | {:.1} kB | {:.1} kB |",
            whole as f64 / 1_000.0,
            condensed as f64 / 1_000.0
        );
    }
    Ok(text)
}

/// Agents with experience, and tasks.
fn scene(count: usize) -> (Snapshot, Vec<Task>) {
    let mut random = Random::new(5, 5);
    let (mut agents, _) = agents(count, &mut random);
    for agent in &mut agents {
        for kind in 0..crate::world::TYPES {
            let seconds = random.between(10.0, 90.0);
            let known = Experience::default().after(
                Outcome {
                    succeeded: true,
                    seconds,
                    ended_at: 1,
                },
                3_600.0,
            );
            agent.experience.insert(format!("type-{kind}"), known);
        }
    }
    let tasks = jobs(64, 1.0, &mut random)
        .into_iter()
        .map(|job| job.task)
        .collect();
    (
        Snapshot {
            number: 1,
            taken_at: 10_000,
            agents,
        },
        tasks,
    )
}

/// Nanoseconds of one decision.
fn timed(snapshot: &Snapshot, task: &Task) -> u128 {
    let start = Instant::now();
    black_box(decide(
        Name::Auto,
        black_box(snapshot),
        task,
        &Settings::default(),
        7,
    ));
    start.elapsed().as_nanos()
}

/// Instructions of one decision: what 64 more of them add to a run.
fn instructions(agents: usize) -> Option<f64> {
    let few = counted(agents, 64)?;
    Some((counted(agents, 128)? - few) / 64.0)
}

fn counted(agents: usize, decisions: usize) -> Option<f64> {
    let counts = std::env::temp_dir().join(format!("routing-{}.callgrind", std::process::id()));
    let ended = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(std::env::current_exe().ok()?)
        .args(["decide", &agents.to_string(), &decisions.to_string()])
        .output()
        .ok()?;
    let text = fs::read_to_string(&counts).ok()?;
    fs::remove_file(&counts).ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
    ended.status.success().then(|| total.trim().parse().ok())?
}

/// Decides so often, for callgrind to count.
pub fn decide_often(agents: usize, rest: &[&str]) -> Result<(), Box<dyn Error>> {
    let decisions: usize = rest.first().ok_or("how often?")?.parse()?;
    let (snapshot, tasks) = scene(agents);
    for at in 0..decisions {
        let _ = timed(&snapshot, &tasks[at % tasks.len()]);
    }
    Ok(())
}
