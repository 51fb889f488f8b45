//! The protocol between the services: a change must not break a peer that is one version behind, and every part
//! of it says what it means.

mod breaking;
mod comments;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use prost::Message;
use prost_types::FileDescriptorSet;

use crate::Report;
use crate::repository::Repository;

/// The protocol that was last accepted, without comments.
const BASELINE: &str = "proto/baseline.binpb";

/// Compares the protocol with its baseline, and looks for parts without comment.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let now = compile(&repository.root().join("proto"))?;
    let mut findings = comments::missing(&now);
    let baseline = fs::read(repository.root().join(BASELINE));
    match baseline {
        Ok(bytes) => {
            let before = FileDescriptorSet::decode(bytes.as_slice()).context(BASELINE)?;
            findings.extend(breaking::changes(&before, &now));
        }
        Err(error) => findings.push(format!(
            "{BASELINE}: {error}; `cargo xtask proto accept` writes it"
        )),
    }
    Ok(Report {
        looked_at: format!("{} files", now.file.len()),
        findings,
    })
}

/// Makes the protocol as it is now the baseline. Returns where it is.
pub(crate) fn accept(repository: &Repository) -> anyhow::Result<PathBuf> {
    let mut now = compile(&repository.root().join("proto"))?;
    now.file.iter_mut().for_each(|file| file.source_code_info = None);
    let path = repository.root().join(BASELINE);
    fs::write(&path, now.encode_to_vec()).with_context(|| path.display().to_string())?;
    Ok(path)
}

/// Compiles every `.proto` below the directory; imports from elsewhere are not in the result.
fn compile(directory: &Path) -> anyhow::Result<FileDescriptorSet> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut compiler = protox::Compiler::new([directory])?;
    compiler
        .include_source_info(true)
        .include_imports(false)
        .open_files(files)?;
    Ok(compiler.file_descriptor_set())
}
