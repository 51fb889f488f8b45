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

use std::time::Instant;

use mcp_server::engine::mesh::{listed, own_tools};
use mcp_server::search::ToolIndex;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("tokens") => tokens(),
        _ => print!("{}", report::report()),
    }
}

/// GitHub's tools, again from the first where they are not enough, every so many that a small number is a sample.
fn tokens() {
    let all = catalogue::tools(&catalogue::github());
    let tokenizer = tiktoken_rs::o200k_base().unwrap();
    let count = |tool: &rmcp::model::Tool| {
        tokenizer
            .encode_ordinary(&serde_json::to_string(tool).unwrap())
            .len()
    };
    let each: Vec<usize> = all.iter().map(|tool| count(&listed(tool))).collect();
    let own: usize = own_tools().iter().map(count).sum();
    println!(
        "| tools | listed by themselves | behind search | index | search, median |\n|---|---|---|---|---|"
    );
    for size in [10, 100, 1_000, 10_000] {
        let step = (all.len() / size).max(1);
        let places: Vec<usize> = (0..size).map(|at| at * step % all.len()).collect();
        let listed: usize = places.iter().map(|place| each[*place]).sum();
        let tools: Vec<_> = places.iter().map(|place| all[*place].clone()).collect();
        let began = Instant::now();
        let index = ToolIndex::new(&tools);
        let built = began.elapsed();
        let mut took: Vec<_> = table::github()
            .iter()
            .map(|row| {
                let began = Instant::now();
                let _ = index.search(&row.request, 5, |_| true);
                began.elapsed()
            })
            .collect();
        took.sort_unstable();
        println!(
            "| {size} | {listed} | {own} | {built:.1?} | {:.1?} |",
            took[took.len() / 2]
        );
    }
}
