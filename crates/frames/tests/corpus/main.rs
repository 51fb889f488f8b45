//! The corpora of the fuzz targets of the WebSocket protocol, run like any test; and round trips of made-up messages.
#![cfg(test)]

mod entry;
mod round_trips;

use std::path::Path;

fn run(corpus: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(corpus);
    let files = std::fs::read_dir(&folder).expect("a corpus");
    let run = files
        .map(|file| {
            let file = file.unwrap().path();
            println!("{}", file.display());
            target(&std::fs::read(file).unwrap());
        })
        .count();
    assert!(run >= 20, "{run} files");
}

#[test]
fn every_frame_of_the_corpus_is_read_or_refused() {
    run("ws_frame", entry::frame);
}

#[test]
fn every_text_of_the_corpus_is_read_or_answered() {
    run("ws_text", entry::text);
}
