//! The corpus of the fuzz targets, run like any test: what once broke stays mended.
#![cfg(test)]

// By path, as `crates/fuzz` has it, so that its own module is found in the same folder.
#[path = "entry.rs"]
mod entry;

use std::path::Path;

/// Runs `target` over every file of a corpus; says how many there were.
fn over(folder: &str, target: impl Fn(&str)) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(folder);
    let files = std::fs::read_dir(&folder).expect("a corpus");
    files
        .map(|file| {
            let file = file.unwrap().path();
            println!("{}", file.display());
            let bytes = std::fs::read(file).unwrap();
            if let Ok(text) = std::str::from_utf8(&bytes) {
                target(text);
            }
        })
        .count()
}

#[test]
fn every_description_of_the_corpus_is_answered() {
    let run = over("openapi_import", |text| _ = entry::import_text(text));
    assert!(run >= 20, "{run} files");
}

#[test]
fn every_call_of_the_corpus_is_answered() {
    let run = over("tool_arguments", entry::call);
    assert!(run >= 20, "{run} files");
}
