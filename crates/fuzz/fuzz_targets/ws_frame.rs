#![no_main]

#[path = "../../frames/tests/corpus/entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::frame(bytes));
