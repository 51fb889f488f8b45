//! Migrations since the newest release (`deploy/releases.toml`): what it had is unchanged, and what came since takes nothing
//! away from its programs, which go on running on the new schema while they are replaced one by one.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::Report;
use crate::repository::Repository;

const RELEASES: &str = "deploy/releases.toml";
const DIRECTORIES: [&str; 2] = [
    "crates/storage/migrations/postgres/",
    "crates/storage/migrations/sqlite/",
];

/// What a program of the release before could not live with, on a table that it knows.
const TAKES_AWAY: [(&str, &str); 9] = [
    ("DROP TABLE", "drops a table"),
    ("DROP COLUMN", "drops a column"),
    ("DROP FUNCTION", "drops a function"),
    ("DROP POLICY", "drops a policy"),
    ("RENAME", "renames"),
    ("SET NOT NULL", "forbids what was allowed"),
    ("ADD CONSTRAINT", "forbids what was allowed"),
    ("CREATE UNIQUE INDEX", "forbids what was allowed"),
    ("REVOKE", "takes rights away"),
];

/// Holds the migrations against those of the newest release.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let releases: toml::Table = repository.text(RELEASES).context(RELEASES)?.parse()?;
    let newest = releases
        .get("release")
        .and_then(toml::Value::as_array)
        .and_then(|all| all.last());
    let field = |name: &str| {
        newest
            .and_then(|release| release.get(name))
            .and_then(toml::Value::as_str)
    };
    let (version, commit) = field("version")
        .zip(field("commit"))
        .context("no release with version and commit")?;
    let mut findings = Vec::new();
    // A shallow clone does not know what was released; the whole history does.
    if git(repository, &["rev-parse", "--is-shallow-repository"])?.trim() == "true"
        && git(repository, &["cat-file", "-e", commit]).is_err()
    {
        return Ok(Report {
            looked_at: format!("nothing: a shallow clone without {version}"),
            findings,
        });
    }
    if git(repository, &["merge-base", "--is-ancestor", commit, "HEAD"]).is_err() {
        findings.push(format!(
            "{RELEASES}: {version} is {commit}, which is no commit of this history"
        ));
        return Ok(Report {
            looked_at: version.to_owned(),
            findings,
        });
    }
    let mut since = 0;
    for directory in DIRECTORIES {
        let listed = git(repository, &["ls-tree", "--name-only", commit, directory])?;
        let released: BTreeSet<_> = listed.lines().collect();
        for file in &released {
            let before = git(repository, &["show", &format!("{commit}:{file}")])?;
            if repository.text(file).as_ref() != Some(&before) {
                findings.push(format!(
                    "{file}: {version} has applied it; what it does now comes into a new one"
                ));
            }
        }
        let added = repository
            .files()
            .filter(|file| file.starts_with(directory) && !released.contains(file));
        let added: Vec<_> = added
            .filter_map(|file| Some((file, repository.text(file)?)))
            .collect();
        since += added.len();
        let own: BTreeSet<_> = added.iter().flat_map(|(_, text)| made(text)).collect();
        for (file, text) in added.iter().filter(|(file, _)| !says_so(file)) {
            findings.extend(
                faults(text, &own)
                    .map(|why| format!("{file}: {why}, which programs of {version} may still use")),
            );
        }
    }
    Ok(Report {
        looked_at: format!("{since} since {version}"),
        findings,
    })
}

fn git(repository: &Repository, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(repository.root())
        .output()
        .context("git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "git {}: {}",
        arguments.join(" "),
        said.trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// `0020_needs_0015_…`: programs that know less refuse the database (storage::migrate), so it may take away.
fn says_so(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    name.split('_').nth(1) == Some("needs")
}

/// Its statements, in capitals, without comments.
fn statements(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join(" ").to_uppercase();
    let words = |statement: &str| statement.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(';')
        .map(words)
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// The tables that it makes: nobody knows them yet.
fn made(text: &str) -> Vec<String> {
    let after = |statement: String| word_after(&statement, "CREATE TABLE ");
    statements(text).into_iter().filter_map(after).collect()
}

fn word_after(statement: &str, before: &str) -> Option<String> {
    let (_, rest) = statement.split_once(before)?;
    let rest = rest
        .trim_start_matches("IF NOT EXISTS ")
        .trim_start_matches("IF EXISTS ");
    let word: String = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!word.is_empty()).then_some(word)
}

fn faults<'a>(text: &'a str, own: &'a BTreeSet<String>) -> impl Iterator<Item = String> + 'a {
    statements(text).into_iter().filter_map(move |statement| {
        let table = ["ALTER TABLE ", "DROP TABLE ", " ON "]
            .iter()
            .find_map(|before| word_after(&statement, before));
        if table.is_some_and(|table| own.contains(&table)) {
            return None;
        }
        let why = fault(&statement)?;
        Some(format!(
            "`{}` {why}",
            statement.chars().take(60).collect::<String>()
        ))
    })
}

fn fault(statement: &str) -> Option<&'static str> {
    let padded = format!("{statement} ");
    let found = TAKES_AWAY
        .iter()
        .find(|(words, _)| padded.contains(&format!("{words} ")));
    if let Some((_, why)) = found {
        return Some(why);
    }
    if statement.contains("ALTER COLUMN") && padded.contains(" TYPE ") {
        return Some("changes a type");
    }
    let adds = statement.contains("ADD COLUMN") && statement.contains("NOT NULL");
    (adds && !statement.contains("DEFAULT")).then_some("asks for a value that nobody gives")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let own = made(text).into_iter().collect();
        faults(text, &own).collect()
    }

    #[test]
    fn what_only_adds_is_fine() {
        let fine = "-- DROP TABLE is only named here\nCREATE TABLE prices (id bigint NOT NULL);\nCREATE UNIQUE INDEX p ON prices (id);\n\
            ALTER TABLE prices ADD CONSTRAINT c CHECK (id > 0);\nALTER TABLE jobs ADD COLUMN cost bigint NOT NULL DEFAULT 0;\n\
            ALTER TABLE jobs ADD COLUMN note text;\nCREATE INDEX j ON jobs (cost);\nGRANT SELECT ON prices TO devmesh_app;";
        assert_eq!(of(fine), Vec::<String>::new());
    }

    #[test]
    fn what_takes_something_away_is_found() {
        for text in [
            "DROP TABLE jobs;",
            "ALTER TABLE jobs\n    DROP COLUMN effect;",
            "ALTER TABLE jobs RENAME COLUMN effect TO kind;",
            "alter table jobs rename to work;",
            "ALTER TABLE jobs ALTER COLUMN note SET NOT NULL;",
            "ALTER TABLE jobs ALTER COLUMN id TYPE text;",
            "ALTER TABLE jobs ADD COLUMN cost bigint NOT NULL;",
            "CREATE UNIQUE INDEX one ON jobs (kind);",
            "REVOKE SELECT ON jobs FROM devmesh_app;",
        ] {
            assert_eq!(of(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn one_that_says_what_it_needs_may_take_away() {
        assert!(says_so(
            "crates/storage/migrations/sqlite/0020_needs_0018_no_effect.sql"
        ));
        assert!(!says_so(
            "crates/storage/migrations/sqlite/0020_what_it_needs.sql"
        ));
    }
}
