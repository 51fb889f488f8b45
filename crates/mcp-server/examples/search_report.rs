//! Prints docs/search-requests.md; with `tokens`, what agents are shown of catalogues of several sizes, in tokens.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for whoever writes the documents, which ends with the first thing that is wrong"
)]
#![allow(dead_code, reason = "the tests use more of these modules")]

#[path = "../tests/search/catalogue.rs"]
mod catalogue;
#[path = "../tests/search/report.rs"]
mod report;
#[path = "../tests/search/table.rs"]
mod table;

use std::sync::Arc;
use std::time::Instant;

use mcp_server::engine::mesh::{found, listed, own_tools};
use mcp_server::search::ToolIndex;
use serde_json::Value;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("tokens") => tokens(),
        _ => print!("{}", report::report()),
    }
}

/// What an agent is shown, in tokens of `o200k_base`, and what the index costs. GitHub's tools, every so many that a small
/// number is a sample, and again from the first where they are not enough.
fn tokens() {
    let all = catalogue::tools(&catalogue::github());
    let tokenizer = tiktoken_rs::o200k_base().unwrap();
    let count = |value: &Value| tokenizer.encode_ordinary(&value.to_string()).len();
    let sent: Vec<Value> = all
        .iter()
        .map(|tool| serde_json::to_value(listed(tool)).unwrap())
        .collect();
    let whole: Vec<usize> = sent.iter().map(count).collect();
    let inputs: Vec<usize> = sent.iter().map(|tool| count(&without_output(tool))).collect();
    let own: Vec<Value> = own_tools()
        .iter()
        .map(|tool| serde_json::to_value(tool).unwrap())
        .collect();
    let own: usize = own.iter().map(|tool| count(&without_output(tool))).sum();
    println!(
        "| tools | as sent | without output schemas | behind search | index, KiB | made in | search, median |"
    );
    println!("|---|---|---|---|---|---|---|");
    for size in [10, 100, 1_000, 10_000] {
        let step = (all.len() / size).max(1);
        let places: Vec<usize> = (0..size).map(|at| at * step % all.len()).collect();
        let sum = |each: &[usize]| places.iter().map(|place| each[*place]).sum::<usize>();
        let tools: Vec<_> = places.iter().map(|place| Arc::clone(&all[*place])).collect();
        let (before, began) = (resident(), Instant::now());
        let index = ToolIndex::new(&tools);
        let (built, kept) = (began.elapsed(), resident().saturating_sub(before));
        let search = median(table::github().iter().map(|row| {
            let began = Instant::now();
            let _ = index.search(&row.request, 5, |_| true);
            began.elapsed()
        }));
        let (whole, inputs) = (sum(&whole), sum(&inputs));
        println!("| {size} | {whole} | {inputs} | {own} | {kept} | {built:.1?} | {search:.1?} |");
    }
    let index = ToolIndex::new(&all);
    let answer = median(table::github().iter().map(|row| {
        let hits = index.search(&row.request, 5, |_| true);
        count(&found(hits.iter().map(|hit| &*all[hit.place]), all.len()))
    }));
    println!(
        "\nAnswer of search_tools, five results: {answer}; of describe_tool: {}",
        median(inputs.into_iter())
    );
}

fn without_output(tool: &Value) -> Value {
    let mut tool = tool.clone();
    tool.as_object_mut().unwrap().remove("outputSchema");
    tool
}

fn median<T: Ord + Copy>(all: impl Iterator<Item = T>) -> T {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// Resident memory of this process, in KiB; pages of 4 KiB.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4
}
