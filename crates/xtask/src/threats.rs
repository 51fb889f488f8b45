//! The threat model of docs/security.md: each row names the tests that show its defence, and they exist and run.

use crate::Report;
use crate::repository::Repository;

const PAGE: &str = "docs/security.md";
const SECTION: &str = "## Threat model";

/// Holds each row against the tests that it names.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let page = repository.text(PAGE).unwrap_or_default();
    let rows = rows(&page);
    let mut findings: Vec<_> = rows
        .iter()
        .flat_map(|row| findings(row, &|file| repository.text(file)))
        .collect();
    if rows.is_empty() {
        findings.push(format!("{PAGE}: `{SECTION}` has no rows"));
    }
    let tests = rows.iter().map(|row| row.tests.len()).sum::<usize>();
    Ok(Report {
        looked_at: format!("{} threats, {tests} tests", rows.len()),
        findings,
    })
}

struct Row<'a> {
    threat: &'a str,
    /// `path::name` of each.
    tests: Vec<&'a str>,
}

fn rows(page: &str) -> Vec<Row<'_>> {
    let section = page.split_once(SECTION).map_or("", |(_, rest)| rest);
    let section = section
        .split_once("\n## ")
        .map_or(section, |(section, _)| section);
    let lines = section.lines().filter(|line| line.starts_with('|'));
    // The titles, and the line below them.
    lines.skip(2).map(row).collect()
}

fn row(line: &str) -> Row<'_> {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let last = cells.last().copied().unwrap_or_default();
    let tests = last.split('`').skip(1).step_by(2).collect();
    Row {
        threat: cells.first().copied().unwrap_or_default(),
        tests,
    }
}

fn findings(row: &Row<'_>, text: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let threat = row.threat;
    if row.tests.is_empty() {
        return vec![format!("{PAGE}: `{threat}` names no test")];
    }
    let wrong = |test: &&str| {
        let Some((file, name)) = test.split_once("::") else {
            return Some("is not `path::name`");
        };
        match text(file) {
            None => Some("is in no file"),
            Some(source) => fault(&source, name),
        }
    };
    let found = row.tests.iter().filter_map(|test| Some((test, wrong(test)?)));
    found
        .map(|(test, why)| format!("{PAGE}: `{threat}`: {test} {why}"))
        .collect()
}

/// Why `name` shows nothing: it is not there, it is no test, or it does not run.
fn fault(source: &str, name: &str) -> Option<&'static str> {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let Some(at) = lines
        .iter()
        .position(|line| line.contains(&format!("fn {name}(")))
    else {
        return Some("is not there");
    };
    let before = lines.get(..at).unwrap_or_default();
    let attributes: Vec<_> = before
        .iter()
        .rev()
        .take_while(|line| line.starts_with("#["))
        .collect();
    if attributes.iter().any(|line| line.starts_with("#[ignore")) {
        return Some("is ignored");
    }
    let has_attribute = attributes
        .iter()
        .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
    (!has_attribute && !runs_on_both(source, name)).then_some("is no test")
}

/// Whether it is in an `on_both!`, whose functions all are tests on both back ends.
fn runs_on_both(source: &str, name: &str) -> bool {
    let mut inside = false;
    source.lines().any(|line| {
        inside |= line.starts_with("on_both!");
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let found = inside && words.into_iter().any(|word| word == name);
        let ends = line.starts_with(['}', ')']) || (line.starts_with("on_both!") && line.ends_with(");"));
        inside &= !ends;
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "#[tokio::test]\nasync fn a_thief_is_refused() {}\n\nfn helper() {}\n\n#[test]\n#[ignore = \"slow\"]\n\
        fn a_slow_one() {}\n\non_both! {\n    of_both,\n}\nasync fn of_both(backend: Backend) {}\n";

    fn of(cell: &str) -> Vec<String> {
        let page = format!(
            "{SECTION}\n\n| threat | defence | shown by |\n|---|---|---|\n| a thief | a lock | {cell} |\n\n## Next\n| x |"
        );
        let rows = rows(&page);
        assert_eq!(rows.len(), 1);
        findings(&rows[0], &|file| (file == "a.rs").then(|| SOURCE.to_owned()))
    }

    #[test]
    fn a_row_whose_tests_are_there_and_run_is_fine() {
        assert_eq!(
            of("`a.rs::a_thief_is_refused` `a.rs::of_both`"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_row_without_a_test_that_runs_is_found() {
        for (cell, why) in [
            ("soon", "names no test"),
            ("`a.rs`", "is not `path::name`"),
            ("`b.rs::a_thief_is_refused`", "is in no file"),
            ("`a.rs::a_thief_is_welcome`", "is not there"),
            ("`a.rs::helper`", "is no test"),
            ("`a.rs::a_slow_one`", "is ignored"),
        ] {
            let found = of(cell);
            assert!(found.len() == 1 && found[0].ends_with(why), "{cell}: {found:?}");
        }
    }
}
