//! Where the binaries under test are.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The binary `name` of the same build as this program: a binary lies beside it, tests lie in `deps` and
/// examples in `examples` there.
///
/// # Errors
/// When it is not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let own = test.parent().context("the program has no folder")?;
    let folder = if own.ends_with("deps") || own.ends_with("examples") {
        own.parent()
    } else {
        Some(own)
    };
    let path = folder.context("the test has no folder")?.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace` first (cargo builds only the binaries of the crate under test)",
        path.display()
    );
    Ok(path)
}
