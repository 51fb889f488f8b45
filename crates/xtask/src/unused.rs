//! Dependencies that nobody uses: each one costs build time and is one more to keep up to date. Of the workspace, what
//! none of our crates lists; of a crate, what none of its sources names.

use anyhow::Context;
use cargo_metadata::Package;

use crate::Report;
use crate::repository::Repository;

/// Listed by a crate, and named by none of its sources: only by what its build writes, or for the sake of features.
const NOT_NAMED: &[(&str, &str)] = &[("proto", "tonic-prost"), ("e2e", "bstr")];

/// Compares the manifests with one another and with the sources.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let metadata = repository.metadata()?;
    let packages = metadata.workspace_packages();
    let manifest: toml::Table = repository.text("Cargo.toml").context("no Cargo.toml")?.parse()?;
    let offered = offered(&manifest)?;
    let mut findings: Vec<_> = unlisted(&offered, &packages);
    for package in &packages {
        findings.extend(unnamed(package, &sources(repository, package)));
    }
    let looked_at = format!("{} dependencies of {} crates", offered.len(), packages.len());
    Ok(Report { looked_at, findings })
}

/// What the workspace offers to its crates.
fn offered(manifest: &toml::Table) -> anyhow::Result<Vec<String>> {
    let table = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"));
    let table = table
        .and_then(toml::Value::as_table)
        .context("no [workspace.dependencies]")?;
    Ok(table.keys().cloned().collect())
}

fn unlisted(offered: &[String], packages: &[&Package]) -> Vec<String> {
    let lists = |name: &str| {
        let mut listed = packages.iter().flat_map(|package| &package.dependencies);
        listed.any(|dependency| dependency.rename.as_deref().unwrap_or(&dependency.name) == name)
    };
    let ours = |name: &str| packages.iter().any(|package| package.name.as_str() == name);
    let unlisted = offered.iter().filter(|name| !lists(name) && !ours(name));
    unlisted
        .map(|name| format!("no crate uses `{name}` of [workspace.dependencies]"))
        .collect()
}

/// Every Rust source of a crate, its tests and build script included.
fn sources(repository: &Repository, package: &Package) -> Vec<String> {
    // A folder need not have its crate's name.
    let folder = package
        .manifest_path
        .parent()
        .and_then(|folder| folder.file_name());
    let folder = format!("crates/{}/", folder.unwrap_or(package.name.as_str()));
    let files = repository
        .files()
        .filter(|file| file.starts_with(&folder) && file.ends_with(".rs"));
    files.filter_map(|file| repository.text(file)).collect()
}

fn unnamed(package: &Package, sources: &[String]) -> Vec<String> {
    let name = package.name.as_str();
    let is_named = |dependency: &str| {
        let identifier = dependency.replace('-', "_");
        NOT_NAMED.contains(&(name, dependency)) || sources.iter().any(|text| has_word(text, &identifier))
    };
    let listed = package.dependencies.iter();
    let listed = listed.map(|dependency| dependency.rename.as_deref().unwrap_or(&dependency.name));
    let unnamed = listed.filter(|dependency| !is_named(dependency));
    unnamed
        .map(|dependency| format!("{name} lists `{dependency}`, and no source of it names it"))
        .collect()
}

/// Whether `text` has `word` by itself, not as a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text.get(..at), text.get(at + word.len()..));
        let before = before.and_then(|before| before.chars().next_back());
        let after = after.and_then(|after| after.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_itself_and_not_inside_of_another() {
        for text in ["use http::Method;", "a = http", "(http)"] {
            assert!(has_word(text, "http"), "{text}");
        }
        for text in ["http_body::Body", "tower_http", "https"] {
            assert!(!has_word(text, "http"), "{text}");
        }
    }

    #[test]
    fn what_the_workspace_offers_and_nobody_lists_is_found() {
        let manifest = "[workspace.dependencies]\ntokio = '1'\nleft-pad = { version = '1' }"
            .parse()
            .unwrap();
        let offered = offered(&manifest).unwrap();
        let found = unlisted(&offered, &[]);
        assert_eq!(found.len(), 2);
        assert!(
            found.iter().any(|finding| finding.contains("`left-pad`")),
            "{found:?}"
        );
    }
}
