//! Crates that are in the tree in more than one version. Each one costs build time and size, and two versions
//! of a type do not fit each other, so every exception is listed with its reason: `deny.toml`, `[bans] skip`.
//! And crates that must not be in it at all: `[bans] deny`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::Report;
use crate::repository::Repository;

/// Versions of each crate by name.
type Versions = BTreeMap<String, BTreeSet<String>>;

/// Compares the tree with the exceptions.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let versions = versions(&tree(repository)?);
    let deny: toml::Table = repository.text("deny.toml").context("no deny.toml")?.parse()?;
    let exceptions = exceptions(&deny)?;
    let mut findings = findings(&versions, &exceptions);
    findings.extend(banned(&deny, &versions));
    let looked_at = format!("{} crates, {} exceptions", versions.len(), exceptions.len());
    Ok(Report { looked_at, findings })
}

/// One line `name vX.Y.Z …` for each crate that is really built for what is shipped; Cargo.lock has more.
fn tree(repository: &Repository) -> anyhow::Result<String> {
    let tree = Command::new("cargo")
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--target",
            "x86_64-unknown-linux-gnu",
        ])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(repository.root())
        .output()
        .context("cargo tree")?;
    ensure!(
        tree.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&tree.stderr).trim()
    );
    Ok(String::from_utf8(tree.stdout)?)
}

fn versions(tree: &str) -> Versions {
    let mut versions = Versions::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            let version = version.trim_start_matches('v').to_owned();
            versions.entry(name.to_owned()).or_default().insert(version);
        }
    }
    versions
}

/// The crates of `[bans] deny` that are in the tree.
fn banned(deny: &toml::Table, versions: &Versions) -> Vec<String> {
    let bans = deny
        .get("bans")
        .and_then(|bans| bans.get("deny"))
        .and_then(toml::Value::as_array);
    let finding = |ban: &toml::Value| {
        let name = ban.get("crate")?.as_str()?;
        let reason = ban
            .get("reason")
            .and_then(toml::Value::as_str)
            .unwrap_or("see deny.toml");
        versions
            .contains_key(name)
            .then(|| format!("{name} is banned: {reason}"))
    };
    bans.into_iter().flatten().filter_map(finding).collect()
}

/// The `crate = "name@version"` of each skip; each must give a reason.
fn exceptions(deny: &toml::Table) -> anyhow::Result<Vec<(String, String)>> {
    let skips = deny
        .get("bans")
        .and_then(|bans| bans.get("skip"))
        .and_then(toml::Value::as_array);
    let exception = |skip: &toml::Value| {
        let reason = skip
            .get("reason")
            .and_then(toml::Value::as_str)
            .unwrap_or_default();
        anyhow::ensure!(!reason.is_empty(), "deny.toml: a skip without reason: {skip}");
        let name = skip
            .get("crate")
            .and_then(toml::Value::as_str)
            .unwrap_or_default();
        let (name, version) = name
            .split_once('@')
            .with_context(|| format!("deny.toml: no name@version: {skip}"))?;
        Ok((name.to_owned(), version.trim_start_matches('=').to_owned()))
    };
    skips.into_iter().flatten().map(exception).collect()
}

fn findings(versions: &Versions, exceptions: &[(String, String)]) -> Vec<String> {
    let excused = |name: &str, version: &str| exceptions.iter().any(|(n, v)| n == name && v == version);
    let mut findings = Vec::new();
    for (name, all) in versions {
        let left: Vec<_> = all
            .iter()
            .filter(|version| !excused(name, version))
            .map(String::as_str)
            .collect();
        if left.len() > 1 {
            findings.push(format!("{name} is built in versions {}", left.join(" and ")));
        }
    }
    for (name, version) in exceptions {
        let versions = versions
            .get(name)
            .filter(|all| all.len() > 1 && all.contains(version));
        if versions.is_none() {
            findings.push(format!(
                "deny.toml excuses {name}@{version}, which is no duplicate any more"
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(crates: &[(&str, &[&str])]) -> Versions {
        let set = |versions: &[&str]| versions.iter().map(|version| (*version).to_owned()).collect();
        crates
            .iter()
            .map(|(name, versions)| ((*name).to_owned(), set(versions)))
            .collect()
    }

    #[test]
    fn a_second_version_is_found_unless_it_is_excused() {
        let tree = tree(&[("a", &["1.0.0", "2.0.0"]), ("b", &["1.0.0"])]);
        assert_eq!(findings(&tree, &[]), ["a is built in versions 1.0.0 and 2.0.0"]);
        assert!(findings(&tree, &[("a".into(), "1.0.0".into())]).is_empty());
    }

    #[test]
    fn an_excuse_that_nothing_needs_any_more_is_found() {
        let tree = tree(&[("a", &["2.0.0"])]);
        for stale in ["1.0.0", "2.0.0"] {
            assert_eq!(findings(&tree, &[("a".into(), stale.into())]).len(), 1);
        }
    }

    #[test]
    fn the_tree_is_read_line_by_line() {
        let read = versions("a v1.0.0\na v2.0.0 (proc-macro)\na v1.0.0 (*)\n\nb v0.1.0 (/somewhere)\n");
        assert_eq!(read, tree(&[("a", &["1.0.0", "2.0.0"]), ("b", &["0.1.0"])]));
    }

    #[test]
    fn a_banned_crate_is_found_with_its_reason() {
        let deny = "[bans]\ndeny = [{ crate = 'a', reason = 'no' }, { crate = 'z' }]"
            .parse()
            .unwrap();
        assert_eq!(banned(&deny, &tree(&[("a", &["1.0.0"])])), ["a is banned: no"]);
    }

    #[test]
    fn an_excuse_needs_a_version_and_a_reason() {
        let parse = |text: &str| exceptions(&text.parse().unwrap());
        let good = "[bans]\nskip = [{ crate = 'a@1.0.0', reason = 'b needs it' }]";
        assert_eq!(parse(good).unwrap(), [("a".to_owned(), "1.0.0".to_owned())]);
        assert!(parse("[bans]\nskip = [{ crate = 'a@1.0.0' }]").is_err());
        assert!(parse("[bans]\nskip = [{ crate = 'a', reason = 'b needs it' }]").is_err());
    }
}
