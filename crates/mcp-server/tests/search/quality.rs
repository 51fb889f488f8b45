//! How often the right tool is among the first five.

use crate::catalogue;
use crate::report::{Measured, report};
use crate::table;

/// A part of all, in a thousand.
fn thousandths(measured: &Measured) -> usize {
    measured.found_within(5) * 1_000 / measured.ranks.len()
}

#[test]
fn the_right_tool_of_github_is_among_the_first_five_nine_times_in_ten() {
    let measured = Measured::of(&catalogue::github(), table::github());
    assert!(thousandths(&measured) >= 900, "{measured}");
}

/// Less is asked of what nobody tuned for; docs/search-requests.md says what it is.
#[test]
fn other_requests_and_another_catalogue_do_nearly_as_well() {
    let held_out = Measured::of(&catalogue::github(), table::held_out());
    assert!(thousandths(&held_out) >= 750, "{held_out}");
    let kubernetes = Measured::of(&catalogue::kubernetes(), table::kubernetes());
    assert!(thousandths(&kubernetes) >= 850, "{kubernetes}");
}

#[test]
fn the_documents_say_what_each_request_finds() {
    let documented = include_str!("../../../../docs/search-requests.md");
    assert!(
        documented == report(),
        "docs/search-requests.md is old: cargo run -p mcp-server --example search_report > docs/search-requests.md"
    );
}
