//! The tables do not give the answers away.

use std::collections::HashSet;

use crate::catalogue::{Described, github, kubernetes};
use crate::table::{self, Row, fits};

/// Words that every text has.
const EMPTY: [&str; 18] = [
    "a", "an", "the", "for", "of", "to", "in", "on", "by", "from", "with", "and", "or", "at", "is", "are",
    "s", "it",
];

#[test]
fn no_request_holds_an_operation_id_or_more_than_half_of_the_summarys_words() {
    let (github, kubernetes) = (github(), kubernetes());
    for (rows, all) in [
        (table::github(), &github),
        (table::held_out(), &github),
        (table::kubernetes(), &kubernetes),
    ] {
        let faults: Vec<String> = rows.iter().flat_map(|row| faults(row, all)).collect();
        assert!(faults.is_empty(), "{faults:#?}");
        let different: HashSet<&str> = rows.iter().map(|row| row.request.as_str()).collect();
        assert_eq!(different.len(), rows.len());
    }
    assert!(table::github().len() >= 150);
}

fn faults(row: &Row, all: &[Described]) -> Vec<String> {
    let mut faults = Vec::new();
    for pattern in &row.right {
        if !all.iter().any(|described| fits(pattern, &described.id)) {
            faults.push(format!("{}: no operation {pattern}", row.request));
        }
    }
    for described in all.iter().filter(|described| row.is_answered_by(&described.id)) {
        let holds_id = row.request.to_lowercase().contains(&described.id.to_lowercase());
        if holds_id || gives_away(&row.request, &described.summary) {
            faults.push(format!("{}: gives {} away", row.request, described.id));
        }
    }
    faults
}

/// Whether a request has more than half of the summary's words, without regard to endings.
fn gives_away(request: &str, summary: &str) -> bool {
    let (said, told) = (words(request), words(summary));
    told.intersection(&said).count() * 2 > told.len()
}

fn words(text: &str) -> HashSet<String> {
    let words = text.to_lowercase();
    let words = words.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty() && !EMPTY.contains(word));
    words.map(without_ending).collect()
}

fn without_ending(word: &str) -> String {
    let stem = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.len() >= 3);
    match stem("ies") {
        Some(stem) => format!("{stem}y"),
        None => ["es", "s", "ing", "ed"]
            .into_iter()
            .find_map(stem)
            .unwrap_or(word)
            .to_owned(),
    }
}
