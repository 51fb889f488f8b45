//! How the strategies of `routing` compare, how far replays can be trusted, and what a decision costs: writes the figures of
//! `docs/routing.md`, each between its markers, and draws them beside it.
//!
//! ```sh
//! cargo run --release -p routing --example routing -- compare 100 docs/routing.md
//! cargo run --release -p routing --example routing -- replay 1000 docs/routing.md
//! cargo run --release -p routing --example routing -- cost 1000 docs/routing.md
//! ```

#![expect(clippy::print_stdout, reason = "it tells its figures")]

mod baselines;
mod compare;
mod cost;
mod document;
mod drawing;
mod known_truth;
mod measures;
mod random;
mod run;
mod statistics;
mod trust;
mod world;

use std::path::Path;

const USAGE: &str = "routing compare|replay|cost COUNT [DOCUMENT]: so many seeds, or decisions";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [what, count, rest @ ..] = words.as_slice() else {
        return Err(USAGE.into());
    };
    let count: usize = count.parse()?;
    let document = rest.first().map(Path::new);
    let figures = match *what {
        "compare" => compare::run(count, document)?,
        "replay" => trust::run(count),
        "cost" => cost::run(count)?,
        // Under callgrind, by `cost`.
        "decide" => return cost::decide_often(count, rest),
        _ => return Err(USAGE.into()),
    };
    println!("{figures}");
    match document {
        Some(document) => document::replace(document, what, &figures),
        None => Ok(()),
    }
}
