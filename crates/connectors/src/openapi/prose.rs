//! Descriptions, trimmed to what an agent needs.

/// Longest description of a tool, in characters.
pub(super) const TOOL: usize = 1_024;
/// Longest description of an argument.
pub(super) const ARGUMENT: usize = 400;
/// Longest description of something inside an answer.
pub(super) const ANSWER: usize = 160;
/// Longest title.
pub(super) const TITLE: usize = 120;

/// The description of a tool: summary, then description, then a note where it is deprecated.
pub(super) fn tool(
    summary: Option<&str>,
    description: Option<&str>,
    deprecated: bool,
    label: &str,
) -> String {
    let summary = summary.map(str::trim).filter(|text| !text.is_empty());
    let description = description.map(str::trim).filter(|text| !text.is_empty());
    let body = match (summary, description) {
        (Some(summary), Some(text)) if begins_alike(text, summary) => text.to_owned(),
        (Some(summary), Some(text)) => format!("{}\n\n{text}", sentence(summary)),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => label.to_owned(),
    };
    let note = if deprecated { "Deprecated. " } else { "" };
    trim(&format!("{note}{body}"), TOOL)
}

/// A title, or nothing.
pub(super) fn title(summary: Option<&str>) -> Option<String> {
    summary
        .map(|text| trim(text, TITLE))
        .filter(|text| !text.is_empty())
}

/// `text` without needless white space, cut to `most` characters at the end of a sentence or word.
pub(super) fn trim(text: &str, most: usize) -> String {
    let text = squeeze(text);
    if text.chars().count() <= most {
        return text;
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    let floor = cut.len() / 2;
    let sentence = [". ", ".\n", "! ", "? "]
        .iter()
        .filter_map(|end| cut.rfind(end))
        .max();
    match (
        sentence.filter(|at| *at >= floor),
        cut.rfind(char::is_whitespace).filter(|at| *at >= floor),
    ) {
        (Some(at), _) => cut.get(..=at).unwrap_or(&cut).to_owned(),
        (None, Some(at)) => format!("{}…", cut.get(..at).unwrap_or(&cut).trim_end()),
        (None, None) => format!("{cut}…"),
    }
}

/// `text` without what a person does not see and a model reads: controls, characters that turn the writing round or
/// have no width, and tags. The joiners of emoji and of Persian and Indic writing stay, and so do variation selectors
/// of emoji.
pub(super) fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_unseen(*c)).collect()
}

fn is_unseen(c: char) -> bool {
    match c {
        '\n' | '\t' | '\r' => false,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        other => other.is_control(),
    }
}

/// Trailing blanks and repeated empty lines go; line breaks stay, for lists need them.
fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = true;
    for line in visible(text).trim().lines().map(str::trim_end) {
        if line.is_empty() && empty {
            continue;
        }
        empty = line.is_empty();
        out.push_str(line);
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

fn begins_alike(text: &str, summary: &str) -> bool {
    text.starts_with(summary.trim_end_matches('.'))
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?', ':']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_the_end_of_a_sentence() {
        let text = "First sentence here. Second sentence is longer than the room that is left.";
        assert_eq!(trim(text, 30), "First sentence here.");
        assert_eq!(
            trim("no sentence ends anywhere in this text", 20),
            "no sentence ends…"
        );
        assert_eq!(trim("short  \n\n\n\ntext ", 30), "short\n\ntext");
    }

    #[test]
    fn no_cut_exceeds_its_bound_or_splits_a_character() {
        let text = "é".repeat(2_000);
        assert_eq!(trim(&text, TOOL).chars().count(), TOOL);
    }

    #[test]
    fn a_tool_says_summary_description_and_deprecation() {
        assert_eq!(
            tool(Some("List pets"), Some("All of them."), true, ""),
            "Deprecated. List pets.\n\nAll of them."
        );
        assert_eq!(
            tool(Some("List pets"), Some("List pets by tag."), false, ""),
            "List pets by tag."
        );
        assert_eq!(tool(None, None, false, "GET /pets"), "GET /pets");
    }
}
