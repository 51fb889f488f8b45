//! The shape of the tree: what stands at the top, how files and modules are called, how long they are.

use std::path::Path;

use crate::Report;
use crate::repository::Repository;

/// What may stand at the top level, besides dotfiles for tools and `docker-compose.*.yml`.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "deploy",
    "docs",
    "kubernetes",
    "proto",
    "rustfmt.toml",
    "scripts",
];

/// Names that say nothing of what is inside.
const VAGUE: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "types", "util", "utils",
];

/// The most lines of a source file, without its tests.
const MAX_LINES: usize = 400;

/// Looks at the names and lengths of all files.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let mut findings: Vec<_> = repository.files().filter_map(misplaced).collect();
    findings.dedup();
    let sources: Vec<_> = repository.files().filter(|file| file.ends_with(".rs")).collect();
    findings.extend(sources.iter().flat_map(|file| badly_named(file)));
    for file in sources.iter().filter(|file| !is_test(file)) {
        findings.extend(repository.text(file).and_then(|text| too_long(file, &text)));
    }
    Ok(Report {
        looked_at: format!(
            "{} files, {} of them Rust",
            repository.files().count(),
            sources.len()
        ),
        findings,
    })
}

fn misplaced(file: &str) -> Option<String> {
    let top = file.split('/').next().unwrap_or(file);
    let compose = top.starts_with("docker-compose.") && top.ends_with(".yml");
    let allowed = compose || top.starts_with('.') || TOP_LEVEL.contains(&top);
    (!allowed).then(|| format!("{top} does not belong at the top level"))
}

fn badly_named(file: &str) -> Option<String> {
    let path = Path::new(file);
    if path.file_name().is_some_and(|name| name == "mod.rs") {
        return Some(format!(
            "{file}: name the file after the module, beside its directory"
        ));
    }
    let parts = path
        .iter()
        .filter_map(|part| Path::new(part).file_stem()?.to_str());
    let vague = parts.into_iter().find(|part| VAGUE.contains(part))?;
    Some(format!("{file}: `{vague}` says nothing of what is inside"))
}

fn is_test(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("/tests.rs") || file.ends_with("_tests.rs")
}

fn too_long(file: &str, text: &str) -> Option<String> {
    let code = text
        .lines()
        .take_while(|line| *line != "#[cfg(test)]" || !has_inline_tests(text))
        .count();
    (code > MAX_LINES).then(|| format!("{file}: {code} lines without its tests, at most {MAX_LINES}"))
}

/// Whether the tests stand at the end of the file itself, so that `#[cfg(test)]` ends its code.
fn has_inline_tests(text: &str) -> bool {
    text.contains("#[cfg(test)]\nmod tests {")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_design_fixes_stands_at_the_top() {
        for fine in [
            "Cargo.toml",
            ".ci/run",
            "docker-compose.production.yml",
            "crates/domain/src/lib.rs",
        ] {
            assert_eq!(misplaced(fine), None, "{fine}");
        }
        for wrong in ["notes.txt", "src/main.rs", "docker-compose.yaml"] {
            assert!(misplaced(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn vague_names_and_mod_files_are_refused() {
        for wrong in [
            "crates/a/src/utils.rs",
            "crates/a/src/helpers/x.rs",
            "crates/a/src/b/mod.rs",
            "crates/common/src/lib.rs",
        ] {
            assert!(badly_named(wrong).is_some(), "{wrong}");
        }
        assert_eq!(badly_named("crates/a/src/byte_size.rs"), None);
    }

    #[test]
    fn tests_do_not_count_towards_the_length_of_a_file() {
        let code = "fn a() {}\n".repeat(MAX_LINES);
        assert_eq!(
            too_long("a.rs", &format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n")),
            None
        );
        assert!(too_long("a.rs", &format!("{code}fn b() {{}}\n")).is_some());
        assert!(too_long("a.rs", &format!("#[cfg(test)]\nmod tests;\n{code}")).is_some());
    }
}
