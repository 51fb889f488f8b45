#![no_main]

#[path = "../../mcp-server/tests/corpus/entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::body(bytes));
