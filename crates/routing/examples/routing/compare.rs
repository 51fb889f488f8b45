//! Every strategy over the same agents and tasks, seed by seed, beside random and the power of two choices.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use routing::{Name, Strategy};

use crate::baselines::{Anyone, PowerOfTwo};
use crate::drawing;
use crate::measures::FIGURES;
use crate::run::{Size, run as run_once};
use crate::statistics::{Mean, mean, shown};

/// How large a run is.
const SIZE: Size = Size {
    agents: 1_000,
    tasks: 4_000,
    warm_up: 1_200,
};
const BASELINES: [&dyn Strategy; 2] = [&Anyone, &PowerOfTwo];

/// The figures that each strategy is there for.
const OWN: [(Name, &[usize]); 6] = [
    (Name::RoundRobin, &[0]),
    (Name::LeastLoaded, &[1]),
    (Name::CapabilityMatch, &[2]),
    (Name::PerformanceBased, &[3, 4, 5]),
    (Name::CostOptimized, &[7]),
    (Name::Auto, &[2, 5, 6, 7]),
];

/// What one strategy came to: a row of figures for each seed.
struct Row {
    name: &'static str,
    seeds: Vec<[f64; FIGURES.len()]>,
}

impl Row {
    fn column(&self, figure: usize) -> Vec<f64> {
        self.seeds.iter().map(|seed| seed[figure]).collect()
    }
}

/// Seeds after which the figures are written, so that a long run shows how far it is and may be broken off.
const BATCH: usize = 10;

/// Runs all seeds on two threads and shows what came out.
pub fn run(seeds: usize, document: Option<&Path>) -> Result<String, Box<dyn Error>> {
    let strategies: Vec<_> = BASELINES
        .into_iter()
        .chain(Name::ALL.map(Name::strategy))
        .collect();
    let row = |strategy: &&'static dyn Strategy| Row {
        name: strategy.name(),
        seeds: Vec::new(),
    };
    let mut rows: Vec<_> = strategies.iter().map(row).collect();
    loop {
        let done = rows[0].seeds.len();
        let until = seeds.min(done + BATCH);
        for (row, strategy) in rows.iter_mut().zip(&strategies) {
            row.seeds.extend(batch(*strategy, done..until));
        }
        let figures = told(&rows, until);
        if let Some(document) = document {
            fs::write(document.with_extension("svg"), drawing::draw(&bars(&rows)))?;
            crate::document::replace(document, "compare", &figures)?;
        }
        if until >= seeds {
            return Ok(figures);
        }
    }
}

fn told(rows: &[Row], seeds: usize) -> String {
    format!(
        "{} agents, {} tasks of which the first {} are not measured, {seeds} seeds; means with 95 % intervals.\n\n{}\n{}",
        SIZE.agents,
        SIZE.tasks,
        SIZE.warm_up,
        table(rows),
        wins(rows)
    )
}

/// The figures of some seeds, in their order.
fn batch(strategy: &'static dyn Strategy, seeds: Range<usize>) -> Vec<[f64; FIGURES.len()]> {
    let next = AtomicUsize::new(seeds.start);
    let work = || {
        let mut done = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return done;
            }
            done.push((seed, run_once(strategy, SIZE, seed as u64).figures()));
        }
    };
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        let done = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        done.flatten().collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    all.into_iter().map(|(_, figures)| figures).collect()
}

fn table(rows: &[Row]) -> String {
    let mut text = "| |".to_owned();
    FIGURES
        .iter()
        .for_each(|figure| text += &format!(" {} |", figure.name));
    text += &format!("\n|---|{}\n", "---|".repeat(FIGURES.len()));
    for row in rows {
        let _ = write!(text, "| {} |", row.name);
        for (at, figure) in FIGURES.iter().enumerate() {
            let _ = write!(text, " {} |", shown(mean(&row.column(at)), figure.places));
        }
        text.push('\n');
    }
    text
}

/// Each strategy against the baselines on its own figures, by differences within a seed.
fn wins(rows: &[Row]) -> String {
    let mut text = "| strategy | its own figure | less random | less power of two | better than both |\n|---|---|---|---|---|\n".to_owned();
    for (name, figures) in OWN {
        let Some(own) = rows.iter().find(|row| row.name == name.as_str()) else {
            continue;
        };
        for at in figures.iter().copied() {
            let figure = &FIGURES[at];
            let against = [&rows[0], &rows[1]].map(|baseline| difference(own, baseline, at));
            let better = against.iter().all(|against| surely(*against, figure.less));
            let [random, two] = against.map(|against| shown(against, figure.places));
            let better = if better { "yes" } else { "no" };
            let _ = writeln!(text, "| {name} | {} | {random} | {two} | {better} |", figure.name);
        }
    }
    text
}

fn difference(own: &Row, baseline: &Row, figure: usize) -> Mean {
    let pairs = own.column(figure).into_iter().zip(baseline.column(figure));
    mean(&pairs.map(|(own, baseline)| own - baseline).collect::<Vec<_>>())
}

/// Whether the whole interval is on the better side.
fn surely(difference: Mean, less: bool) -> bool {
    let worst = if less {
        difference.value + difference.reach
    } else {
        difference.reach - difference.value
    };
    worst < 0.0
}

fn bars(rows: &[Row]) -> Vec<drawing::Plot> {
    let plot = |(at, figure): (usize, &crate::measures::Figure)| drawing::Plot {
        title: figure.name,
        less: figure.less,
        places: figure.places,
        bars: rows.iter().map(|row| (row.name, mean(&row.column(at)))).collect(),
    };
    FIGURES.iter().enumerate().map(plot).collect()
}
