//! Descriptions made to do harm: each has one exact answer, and none may cost more than its length allows.
//!
//! `answers/GROUP.txt` has the answers; after a change that is meant to alter them, run the tests once with
//! `UPDATE_ANSWERS=1` and read what git shows.
#![cfg(test)]
#![expect(clippy::too_many_lines, reason = "each group is one table")]
#![expect(
    clippy::disallowed_methods,
    reason = "UPDATE_ANSWERS is a switch of this test alone"
)]

mod answer;
mod arguments;
mod calling;
mod case;
mod kinds;
mod names;
mod parameters;
mod patterns;
mod references;
mod schemas;
mod servers;
mod sizes;
mod texts;

/// Fails with every case of the group that is answered otherwise, or costs too much.
fn hold(group: &str, cases: Vec<case::Case>) {
    let wrong = answer::differing(group, &cases);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn texts_that_are_no_description_are_told_so() {
    hold("texts", texts::cases());
}

#[test]
fn references_end_and_lead_nowhere_outside() {
    hold("references", references::cases());
}

#[test]
fn schemas_that_explode_or_contradict_themselves_become_bounded_ones() {
    hold("schemas", schemas::cases());
}

#[test]
fn names_and_words_that_deceive_become_plain() {
    hold("names", names::cases());
}

#[test]
fn parameters_reach_only_for_what_is_theirs() {
    hold("parameters", parameters::cases());
}

#[test]
fn servers_lead_only_where_calls_may_go() {
    hold("servers", servers::cases());
}

#[test]
fn a_value_of_the_wrong_kind_is_told_where_it_stands() {
    hold("kinds", kinds::cases());
}

#[test]
fn more_of_everything_is_bounded() {
    hold("sizes", sizes::cases());
}

#[test]
fn there_are_more_than_a_hundred() {
    let groups = [
        "texts",
        "references",
        "schemas",
        "names",
        "parameters",
        "servers",
        "kinds",
        "sizes",
    ];
    let all: usize = groups.into_iter().map(answer::count).sum();
    assert!(all > 100, "{all}");
}
