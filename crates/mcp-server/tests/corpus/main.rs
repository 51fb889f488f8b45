//! The corpus of the fuzz target of `/mcp`, run like any test.
#![cfg(test)]

mod entry;

use std::path::Path;

#[test]
fn every_body_of_the_corpus_is_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/mcp_body");
    let files = std::fs::read_dir(&folder).expect("a corpus");
    let run = files
        .map(|file| {
            let file = file.unwrap().path();
            println!("{}", file.display());
            entry::body(&std::fs::read(file).unwrap());
        })
        .count();
    assert!(run >= 20, "{run} files");
}
