//! A search stays quick among ten thousand tools.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Tool;
use mcp_server::search::ToolIndex;

use crate::catalogue;
use crate::table;

/// GitHub's tools over and over under other names, as many as asked for.
fn many(count: usize) -> Vec<Arc<Tool>> {
    let tools = catalogue::tools(&catalogue::github());
    let copies = (0..).flat_map(|copy| tools.iter().map(move |tool| (copy, tool)));
    let renamed = copies.take(count).map(|(copy, tool)| {
        let name = tool.name.replacen("github", &format!("hub{copy}"), 1);
        Arc::new(Tool {
            name,
            ..Tool::clone(tool)
        })
    });
    renamed.collect()
}

/// Not optimized and on a shared machine, this is ten times what a release build takes; docs/search.md has that.
#[test]
fn ten_thousand_tools_are_searched_in_milliseconds() {
    let index = ToolIndex::new(&many(10_000));
    assert_eq!(index.len(), 10_000);
    let mut took: Vec<Duration> = table::github()
        .iter()
        .map(|row| {
            let began = Instant::now();
            assert!(
                !index.search(&row.request, 5, |_| true).is_empty(),
                "{}",
                row.request
            );
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    let median = took[took.len() / 2];
    assert!(median < Duration::from_millis(100), "{median:?}");
}

#[test]
fn a_request_of_any_form_is_answered() {
    let index = ToolIndex::new(&many(50));
    let long = "word ".repeat(100_000);
    for request in [
        "",
        " ",
        "?",
        "12",
        "é ü 漢字",
        "the of",
        "\u{0}",
        long.as_str(),
        "a*b(c[d",
        "star star star",
    ] {
        assert!(index.search(request, 5, |_| true).len() <= 5, "{request:.20}");
    }
    assert!(ToolIndex::new(&[]).search("star", 5, |_| true).is_empty());
}
