//! The tree under check.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

/// The root of the repository, and its files as git sees them.
pub(crate) struct Repository {
    root: PathBuf,
    files: Vec<String>,
}

impl Repository {
    /// The repository that this tool was built in.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().context("the repository's root")?;
        let files = files_of(&root)?;
        Ok(Self { root, files })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Every file that is tracked or would be, relative to the root, with `/`, sorted.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The text of a file; none for one that is not UTF-8 or was just deleted.
    pub(crate) fn text(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(file)).ok()
    }

    /// What cargo knows, for the platform that is shipped, so that the answer is the same on every machine.
    pub(crate) fn metadata(&self) -> anyhow::Result<Metadata> {
        MetadataCommand::new()
            .current_dir(&self.root)
            .other_options(vec![
                "--filter-platform".into(),
                "x86_64-unknown-linux-gnu".into(),
            ])
            .exec()
            .context("cargo metadata")
    }
}

fn files_of(root: &Path) -> anyhow::Result<Vec<String>> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    ensure!(
        listing.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&listing.stderr).trim()
    );
    let mut files: Vec<_> = String::from_utf8(listing.stdout)?
        .lines()
        .map(str::to_owned)
        .collect();
    files.retain(|file| root.join(file).exists());
    files.sort();
    files.dedup();
    Ok(files)
}
