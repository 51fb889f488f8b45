//! Text to stems.

use rust_stemmers::{Algorithm, Stemmer};

/// Longest word that is kept, in bytes: longer ones are digests and encoded data.
const LONGEST: usize = 40;

/// Words that tell nothing about what is asked for.
const STOP: &[&str] = &[
    "a", "about", "after", "again", "am", "an", "and", "any", "are", "as", "at", "be", "been", "being",
    "but", "by", "can", "could", "did", "do", "does", "doing", "done", "exactly", "for", "from", "had",
    "has", "have", "having", "he", "her", "here", "him", "his", "how", "i", "if", "in", "into", "is", "it",
    "its", "just", "like", "may", "me", "might", "mine", "must", "my", "need", "no", "now", "of", "on",
    "only", "or", "other", "our", "ours", "out", "own", "please", "she", "should", "so", "some", "such",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "though",
    "to", "too", "under", "up", "us", "was", "we", "were", "what", "when", "whenever", "where", "which",
    "who", "whom", "whose", "why", "will", "with", "would", "yet", "you", "your", "s", "t", "d", "ll", "ve",
    "re", "although", "using", "via", "want", "wants", "d",
];

/// Splits and stems.
pub(super) struct Words(Stemmer);

impl Default for Words {
    fn default() -> Self {
        Self(Stemmer::create(Algorithm::English))
    }
}

impl Words {
    /// The stem of one lower-case word.
    pub(super) fn stem(&self, word: &str) -> String {
        self.0.stem(word).into_owned()
    }

    /// The stems of a text in its order, without stop words and numbers. A word of mixed case gives its parts and
    /// itself: `ConfigMap` is `config`, `map` and `configmap`.
    pub(super) fn of(&self, text: &str) -> Vec<String> {
        let mut stems = Vec::new();
        for run in text.split(|c: char| !c.is_alphanumeric()) {
            let parts = parts(run);
            if parts.len() > 1 {
                self.push(&run.to_lowercase(), &mut stems);
            }
            for part in parts {
                self.push(&part, &mut stems);
            }
        }
        stems
    }

    fn push(&self, word: &str, stems: &mut Vec<String>) {
        if tells(word) {
            stems.push(self.stem(word));
        }
    }
}

/// The lower-case words of a request, in its order, with its stop words.
pub(super) fn spoken(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['\'', '’'], " ");
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && word.len() <= LONGEST)
        .map(str::to_owned)
        .collect()
}

/// Whether a word says what is asked for: no stop word, no number, no single letter.
pub(super) fn tells(word: &str) -> bool {
    word.len() > 1
        && word.len() <= LONGEST
        && !word.bytes().all(|byte| byte.is_ascii_digit())
        && !STOP.contains(&word)
}

/// Two stems that stand side by side, in either order: `status of the commit` is a `commit status`. Begins as no word
/// does, so that words and pairs lie apart in an index.
pub(super) fn pair(one: &str, two: &str) -> String {
    if one <= two {
        format!(" {one} {two}")
    } else {
        format!(" {two} {one}")
    }
}

/// The words that a change of case separates, in lower case.
fn parts(run: &str) -> Vec<String> {
    let chars: Vec<char> = run.chars().collect();
    let mut parts: Vec<String> = Vec::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        let begins = c.is_uppercase()
            && before.is_some_and(|b| b.is_lowercase() || after.is_some_and(|a| a.is_lowercase()));
        match parts.last_mut() {
            Some(part) if !begins => part.extend(c.to_lowercase()),
            _ => parts.push(c.to_lowercase().collect()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_mixed_case_give_their_parts_and_themselves() {
        let words = Words::default();
        assert_eq!(
            words.of("listHTTPRoutes"),
            ["listhttprout", "list", "http", "rout"]
        );
        assert_eq!(words.of("/repos/{repo_id}/hooks"), ["repo", "repo", "id", "hook"]);
    }

    #[test]
    fn endings_stop_words_and_numbers_do_not_matter() {
        let words = Words::default();
        assert_eq!(
            words.of("Lists the 12 branches of a repository"),
            words.of("list branch repositories")
        );
    }
}
