//! Which series a PromQL expression reads.

/// A series name with its matchers, as the expression has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) name: String,
    /// With the matchers; the name alone when there are none.
    pub(super) whole: String,
}

const WORDS: &[&str] = &[
    "and",
    "or",
    "unless",
    "offset",
    "bool",
    "inf",
    "nan",
    "group_left",
    "group_right",
    "atan2",
];
/// What is followed by a list of labels.
const CLAUSES: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Every selector of the expression, each once.
pub(super) fn selectors(expression: &str) -> Vec<Selector> {
    let mut found: Vec<Selector> = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '"' => after_string(rest),
            '[' => after(rest, ']'),
            _ if first.is_ascii_digit() => {
                rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.')
            }
            _ if is_name(first) => {
                let (name, tail) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
                word(name, tail, &mut found)
            }
            _ => rest.get(first.len_utf8()..).unwrap_or_default(),
        };
    }
    found
}

/// Takes a word for what it is, and returns what comes behind it.
fn word<'a>(name: &str, tail: &'a str, found: &mut Vec<Selector>) -> &'a str {
    let next = tail.trim_start();
    if CLAUSES.contains(&name) && next.starts_with('(') {
        return after(next, ')');
    }
    // A function or an aggregation, whose clause may come first.
    let is_call = next.starts_with('(')
        || CLAUSES
            .iter()
            .any(|clause| next.starts_with(&format!("{clause} (")));
    if is_call || WORDS.contains(&name) {
        return tail;
    }
    let (matchers, tail) = if tail.starts_with('{') {
        let behind = after_matchers(tail);
        tail.split_at(tail.len() - behind.len())
    } else {
        ("", tail)
    };
    let selector = Selector {
        name: name.to_owned(),
        whole: format!("{name}{matchers}"),
    };
    if !found.contains(&selector) {
        found.push(selector);
    }
    tail
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

fn after(text: &str, end: char) -> &str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

fn after_string(text: &str) -> &str {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !escaped => return text.get(at + 1..).unwrap_or_default(),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    ""
}

/// Behind the closing brace; one inside of a string closes nothing.
fn after_matchers(text: &str) -> &str {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => rest = after_string(rest),
            '}' => return rest.get(1..).unwrap_or_default(),
            _ => rest = rest.get(first.len_utf8()..).unwrap_or_default(),
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wholes(expression: &str) -> Vec<String> {
        selectors(expression)
            .into_iter()
            .map(|selector| selector.whole)
            .collect()
    }

    #[test]
    fn names_and_their_matchers_are_found_and_labels_functions_and_numbers_are_not() {
        let expression = r#"histogram_quantile(0.95, sum by (service, le) (rate(a_bucket{path=~"/x{id}/.*"}[5m]))) > 8e9
            and on (service) up{job="x"} == 0 or a:b:c offset 5m unless sum(d_total) without (path)"#;
        let expected = [
            r#"a_bucket{path=~"/x{id}/.*"}"#,
            r#"up{job="x"}"#,
            "a:b:c",
            "d_total",
        ];
        assert_eq!(wholes(expression), expected);
    }

    #[test]
    fn a_selector_that_is_read_twice_is_named_once() {
        assert_eq!(wholes("rate(a[5m]) / rate(a[1h])"), ["a"]);
    }

    #[test]
    fn every_shipped_query_reads_something() {
        for query in super::super::queries::shipped() {
            if query.language == "promql" && query.expr != "vector(1)" {
                assert!(!selectors(&query.expr).is_empty(), "{}", query.expr);
            }
        }
    }
}
