//! The names of the crates that can be in a program of this workspace, for `src/logs/modules.rs`.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment"
)]

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let lock = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(&lock)?;
    let mut names: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .map(|name| name.replace('-', "_"))
        .collect();
    names.sort();
    names.dedup();
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("crates.txt"),
        names.join("\n"),
    )?;
    Ok(())
}
