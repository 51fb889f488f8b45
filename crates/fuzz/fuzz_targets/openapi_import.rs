#![no_main]
#![allow(dead_code, reason = "each target runs one of the entries")]

#[path = "../../connectors/tests/corpus/entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|text: &str| _ = entry::import_text(text));
