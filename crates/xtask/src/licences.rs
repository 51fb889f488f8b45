//! The licences of what we ship: each crate's SPDX expression must be satisfied by `deny.toml`, `[licenses] allow`.
//! What `cargo deny check licenses` does besides, reading the licence texts, needs that tool.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use spdx::{Expression, Licensee};

use crate::Report;
use crate::repository::Repository;

/// The packages that are shipped as programs.
const SHIPPED: [&str; 4] = ["devmesh", "mcp-server", "rest-api", "worker"];

/// Compares the tree with the allowed licences.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let deny: toml::Table = repository.text("deny.toml").context("no deny.toml")?.parse()?;
    let allowed = allowed(&deny)?;
    let tree = tree(repository, &["--workspace"])?;
    let looked_at = format!(
        "{} crates, {} licences allowed",
        tree.lines().count(),
        allowed.len()
    );
    Ok(Report {
        looked_at,
        findings: tree.lines().filter_map(|line| finding(line, &allowed)).collect(),
    })
}

fn allowed(deny: &toml::Table) -> anyhow::Result<Vec<Licensee>> {
    let names = deny
        .get("licenses")
        .and_then(|licences| licences.get("allow"))
        .and_then(toml::Value::as_array);
    let names = names
        .context("deny.toml: no [licenses] allow")?
        .iter()
        .filter_map(toml::Value::as_str);
    names
        .map(|name| Licensee::parse(name).with_context(|| format!("deny.toml: {name}")))
        .collect()
}

/// `docs/licences.md`: what others wrote and our programs contain.
pub(crate) fn files(repository: &Repository) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let shipped = SHIPPED.map(|name| ["--package", name]);
    let tree = tree(repository, shipped.as_flattened())?;
    // cargo marks what only ran while it compiled.
    let rows: Vec<_> = tree
        .lines()
        .filter(|line| !line.contains(" (proc-macro)"))
        .filter_map(|line| {
            let (crate_, licence) = line.split_once('\t')?;
            let (name, version) = crate_.split_once(" v")?;
            Some(format!(
                "| [{name}](https://crates.io/crates/{name}) | {version} | {licence} |"
            ))
        })
        .collect();
    let text = format!(
        "# Licences\n\nDevmesh is Apache-2.0. Its programs are made of these {} crates of others (Linux, x86_64; some only run while it is compiled), each under one of its \
         licences that `deny.toml` allows. Made by `cargo xtask generate`.\n\n| crate | version | licence |\n|---|---|---|\n{}\n",
        rows.len(),
        rows.join("\n")
    );
    Ok(vec![(PathBuf::from("docs/licences.md"), text)])
}

/// One line `name vX.Y.Z<TAB>LICENCE` for each crate of others in these packages.
fn tree(repository: &Repository, packages: &[&str]) -> anyhow::Result<String> {
    let tree = Command::new("cargo")
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal",
            "--target",
            "x86_64-unknown-linux-gnu",
        ])
        .args(packages)
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}\t{l}"])
        .current_dir(repository.root())
        .output()
        .context("cargo tree")?;
    ensure!(
        tree.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&tree.stderr).trim()
    );
    let text = String::from_utf8(tree.stdout)?;
    // A crate of ours shows its path.
    let others: std::collections::BTreeSet<_> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.contains(" (/"))
        .collect();
    Ok(others.into_iter().collect::<Vec<_>>().join("\n"))
}

fn finding(line: &str, allowed: &[Licensee]) -> Option<String> {
    let (name, licence) = line.split_once('\t').unwrap_or((line, ""));
    let Ok(expression) = Expression::parse_mode(licence, spdx::ParseMode::LAX) else {
        return Some(format!("{name}: `{licence}` is no SPDX expression"));
    };
    let satisfied = expression.evaluate(|wanted| allowed.iter().any(|licensee| licensee.satisfies(wanted)));
    (!satisfied).then(|| format!("{name}: {licence} is not allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowing(names: &[&str]) -> Vec<Licensee> {
        names.iter().map(|name| Licensee::parse(name).unwrap()).collect()
    }

    #[test]
    fn one_allowed_side_of_an_or_is_enough_and_both_sides_of_an_and_are_needed() {
        let allowed = allowing(&["MIT"]);
        assert_eq!(finding("a v1.0.0\tMIT OR GPL-3.0", &allowed), None);
        assert!(
            finding("a v1.0.0\tMIT AND GPL-3.0", &allowed)
                .unwrap()
                .contains("not allowed")
        );
        assert_eq!(
            finding("a v1.0.0\tMIT/Apache-2.0", &allowed),
            None,
            "the old way to write OR"
        );
    }

    #[test]
    fn a_crate_that_names_no_licence_is_found() {
        assert!(
            finding("a v1.0.0\t", &allowing(&["MIT"]))
                .unwrap()
                .starts_with("a v1.0.0")
        );
    }
}
