//! Words that admit unfinished work. What is not done is an issue or a sentence in the documents, not a note in code.

use crate::Report;
use crate::repository::Repository;

/// The words, cut in two so that this file passes its own check.
const WORDS: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("for ", "now"),
];

/// Files that are code.
const EXTENSIONS: &[&str] = &["rs", "proto", "sql", "sh", "toml", "yml", "yaml", "js", "py"];

/// Looks for the words in all code.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let is_code = |file: &&str| {
        let extension = file.rsplit_once('.').map(|(_, extension)| extension);
        extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) || file.starts_with("scripts/")
    };
    let files: Vec<_> = repository.files().filter(is_code).collect();
    let findings = files
        .iter()
        .filter_map(|file| Some(findings(file, &repository.text(file)?)))
        .flatten()
        .collect();
    Ok(Report {
        looked_at: format!("{} files of code", files.len()),
        findings,
    })
}

fn findings(file: &str, text: &str) -> Vec<String> {
    let in_line = |(at, line): (usize, &str)| {
        let word = WORDS.iter().find(|word| has_word(line, word))?;
        Some(format!("{file}:{}: `{word}`", at + 1))
    };
    text.lines().enumerate().filter_map(in_line).collect()
}

/// Whether `word` stands in the line by itself, not inside a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let after = rest.strip_prefix(word).unwrap_or_default();
        !before.ends_with(letter) && (word.ends_with('!') || !after.starts_with(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admissions_are_found_with_file_and_line() {
        let text = format!("fn a() {{\n    // good enough {}\n}}\n", concat!("for ", "now"));
        assert_eq!(
            findings("a.rs", &text),
            [format!("a.rs:2: `{}`", concat!("for ", "now"))]
        );
        assert_eq!(
            findings("a.rs", &format!("    {}()\n", concat!("to", "do!"))).len(),
            1
        );
    }

    #[test]
    fn longer_words_and_ordinary_ones_are_fine() {
        for fine in [
            "let mastodon = 1;",
            "XXXL",
            "for nowhere",
            "a todo list",
            "METHODOLOGY",
        ] {
            assert!(findings("a.rs", fine).is_empty(), "{fine}");
        }
    }
}
