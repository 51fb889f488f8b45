//! How often the intervals of replays hold what is true.

use std::fmt::Write as _;

use routing::Name;

use crate::known_truth::{DAY, Day, MEASURES, judge};

/// Sums over the seeds, of one strategy.
#[derive(Clone, Copy, Default)]
struct Sums {
    told: [f64; 3],
    held: [f64; 3],
    width: [f64; 3],
    off: [f64; 3],
    effective: f64,
    name: Option<Name>,
}

/// Judges so many days for each of three strategies that decide.
pub fn run(seeds: usize) -> String {
    let mut text = format!(
        "{seeds} days of {} decisions among {} agents each, {} % of them by exploration. Share of the intervals that hold the \
         truth, their mean width against it, and by how much what was seen of the deciding strategy differs from it.\n\n\
         | decides | replayed | effective size |",
        DAY.decisions,
        DAY.agents,
        100.0 * DAY.exploration
    );
    MEASURES
        .iter()
        .for_each(|name| text += &format!(" {name}: held | width | seen is off by |"));
    text += &format!("\n|---|---|---|{}\n", "---|".repeat(9));
    for logging in [Name::LeastLoaded, Name::RoundRobin, Name::CostOptimized] {
        for sums in summed(logging, seeds) {
            let Some(name) = sums.name else { continue };
            let _ = write!(
                text,
                "| {logging} | {name} | {:.0} |",
                sums.effective / seeds as f64
            );
            for at in 0..3 {
                let of = |sum: f64| 100.0 * sum / sums.told[at];
                let (held, width, off) = (of(sums.held[at]), of(sums.width[at]), of(sums.off[at]));
                let _ = write!(text, " {held:.1} % | {width:.0} % | {off:.0} % |");
            }
            text.push('\n');
        }
    }
    text
}

fn summed(logging: Name, seeds: usize) -> [Sums; Name::ALL.len()] {
    let mut all = [Sums::default(); Name::ALL.len()];
    for seed in 0..seeds {
        let judged = judge(Day { logging, ..DAY }, seed as u64);
        for (sums, judged) in all.iter_mut().zip(judged) {
            sums.name = Some(judged.name);
            sums.effective += judged.replay.effective;
            let (held, width) = (judged.held(), judged.width());
            for at in 0..3 {
                let Some(held) = held[at] else { continue };
                sums.told[at] += 1.0;
                sums.held[at] += f64::from(u8::from(held));
                sums.width[at] += width[at];
                sums.off[at] += (judged.seen[at] / judged.truth[at] - 1.0).abs();
            }
        }
    }
    all
}
