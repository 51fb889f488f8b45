//! Where the binaries under test are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The binary `name` of the same build as this test: cargo puts tests in `deps`, beside which the binaries lie.
///
/// # Errors
/// When it is not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent);
    let path = folder.context("the test has no folder")?.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace` first (cargo builds only the binaries of the crate under test)",
        path.display()
    );
    Ok(path)
}
