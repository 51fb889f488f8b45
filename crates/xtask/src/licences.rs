//! The licences of what we ship: each crate's SPDX expression must be satisfied by `deny.toml`, `[licenses] allow`.
//! What `cargo deny check licenses` does besides, reading the licence texts, needs that tool.

use std::process::Command;

use anyhow::{Context, ensure};
use spdx::{Expression, Licensee};

use crate::Report;
use crate::repository::Repository;

/// Compares the tree with the allowed licences.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let deny: toml::Table = repository.text("deny.toml").context("no deny.toml")?.parse()?;
    let allowed = allowed(&deny)?;
    let tree = tree(repository)?;
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

/// One line `name vX.Y.Z<TAB>LICENCE` for each crate of others that is shipped.
fn tree(repository: &Repository) -> anyhow::Result<String> {
    let tree = Command::new("cargo")
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--edges",
            "normal",
            "--target",
            "x86_64-unknown-linux-gnu",
        ])
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
