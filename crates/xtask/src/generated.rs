//! Files that are generated from the code and committed: the code decides, and drift is found here.
//!
//! `devmesh generate --out DIR` writes what the services declare under a directory laid out like the repository, so
//! that this tool does not depend on them; the dashboards are made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::Report;
use crate::repository::Repository;
use crate::{alert_names, dashboards, kubernetes, licences, variants};

/// Folders in which every file is generated: what is committed there and no longer made is a left-over.
const WHOLLY: &[&str] = &[
    "deploy/monitoring/compose/",
    "deploy/monitoring/grafana/dashboards/",
    "kubernetes/monitoring/",
];

/// Compares what the code generates with what is committed.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let fresh = tempfile::tempdir()?;
    generate(repository, fresh.path())?;
    let files = files_below(fresh.path())?;
    ensure!(!files.is_empty(), "nothing was generated");
    let differs = |file: &PathBuf| difference(&fresh.path().join(file), &repository.root().join(file), file);
    let mut findings: Vec<_> = files.iter().filter_map(differs).collect();
    findings.extend(left_over(repository.files(), &files));
    Ok(Report {
        looked_at: format!("{} files", files.len()),
        findings,
    })
}

fn left_over<'a>(committed: impl Iterator<Item = &'a str>, fresh: &[PathBuf]) -> Vec<String> {
    committed
        .filter(|file| WHOLLY.iter().any(|folder| file.starts_with(folder)))
        .filter(|file| !fresh.iter().any(|made| made == Path::new(file)))
        .map(|file| format!("{file} is no longer generated: delete it"))
        .collect()
}

/// Writes the generated files into the repository.
pub(crate) fn write(repository: &Repository) -> anyhow::Result<()> {
    generate(repository, repository.root())
}

fn generate(repository: &Repository, out: &Path) -> anyhow::Result<()> {
    let status = devmesh()
        .args(["generate", "--out"])
        .arg(out)
        .current_dir(repository.root())
        .status()
        .context("cannot run devmesh")?;
    ensure!(status.success(), "`devmesh generate` failed ({status})");
    let dashboards = dashboards::files(repository)?;
    let is_dashboard =
        |(path, _): &&(PathBuf, String)| path.parent().is_some_and(|folder| folder.ends_with("dashboards"));
    let shown: Vec<_> = dashboards.iter().filter(is_dashboard).cloned().collect();
    let made_here = [
        kubernetes::files(repository, &shown)?,
        dashboards,
        variants::files(repository)?,
        alert_names::files(repository)?,
        licences::files(repository)?,
    ];
    for (path, text) in made_here.into_iter().flatten() {
        let path = out.join(path);
        fs::create_dir_all(path.parent().unwrap_or(out))?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The program named by `DEVMESH_BINARY`, which the caller has just built with the whole workspace's features
/// (`-p devmesh` has fewer and would build the dependencies a second time); else a fresh build.
#[expect(
    clippy::disallowed_methods,
    reason = "the tool's own setting, from scripts/test"
)]
fn devmesh() -> Command {
    match std::env::var_os("DEVMESH_BINARY") {
        Some(binary) => Command::new(binary),
        None => {
            let mut cargo = Command::new("cargo");
            cargo.args(["run", "-q", "-p", "devmesh", "--"]);
            cargo
        }
    }
}

/// Every file below `directory`, relative to it.
fn files_below(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else {
                files.push(path.strip_prefix(directory)?.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn difference(fresh: &Path, committed: &Path, file: &Path) -> Option<String> {
    let advice = "run `cargo xtask generate` and commit";
    let Ok(committed) = fs::read_to_string(committed) else {
        return Some(format!("{} is not committed: {advice}", file.display()));
    };
    let fresh = fs::read_to_string(fresh).unwrap_or_default();
    if fresh == committed {
        return None;
    }
    let line = fresh
        .lines()
        .zip(committed.lines())
        .take_while(|(new, old)| new == old)
        .count()
        + 1;
    Some(format!(
        "{} differs from line {line} on: {advice}",
        file.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_names_the_file_and_its_first_line() {
        let dir = tempfile::tempdir().unwrap();
        let (fresh, committed) = (dir.path().join("fresh"), dir.path().join("committed"));
        fs::write(&fresh, "a\nb\nc\n").unwrap();
        let said = || difference(&fresh, &committed, Path::new("docs/x.md"));
        assert!(said().unwrap().starts_with("docs/x.md is not committed"));
        fs::write(&committed, "a\nB\nc\n").unwrap();
        assert!(said().unwrap().starts_with("docs/x.md differs from line 2 on"));
        fs::write(&committed, "a\nb\n").unwrap();
        assert!(said().unwrap().starts_with("docs/x.md differs from line 3 on"));
        fs::copy(&fresh, &committed).unwrap();
        assert_eq!(said(), None);
    }

    #[test]
    fn what_is_no_longer_generated_is_a_left_over_where_all_is_generated() {
        let committed = [
            "kubernetes/monitoring/old.yaml",
            "kubernetes/monitoring/new.yaml",
            "docs/own.md",
        ];
        let fresh = [PathBuf::from("kubernetes/monitoring/new.yaml")];
        let said = left_over(committed.into_iter(), &fresh);
        assert_eq!(
            said,
            ["kubernetes/monitoring/old.yaml is no longer generated: delete it"]
        );
    }

    #[test]
    fn files_are_found_in_all_directories() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("docs/deep")).unwrap();
        fs::write(dir.path().join("openapi.json"), "").unwrap();
        fs::write(dir.path().join("docs/deep/a.md"), "").unwrap();
        let found = files_below(dir.path()).unwrap();
        assert_eq!(
            found,
            [PathBuf::from("docs/deep/a.md"), PathBuf::from("openapi.json")]
        );
    }
}
