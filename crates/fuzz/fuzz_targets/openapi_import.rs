#![no_main]
#![allow(dead_code, reason = "each target runs one of the entries")]

#[path = "../../connectors/tests/corpus/entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|text: &str| drop(entry::import_text(text)));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    fuzz::mutate(data, size, most, seed)
});
