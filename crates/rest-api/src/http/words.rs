//! What serde says, in words of ours: which field, and what was expected. No value is quoted.

/// The field and what was expected of it, from where serde was and what it says.
pub(super) fn refused(path: &str, message: &str) -> (String, String) {
    let message = message.split(" at line ").next().unwrap_or(message);
    let place = if path == "." || path == "?" { "" } else { path };
    let named = |rest: &str| {
        let name = rest.split('`').next().unwrap_or_default();
        // The place may be that of the name already.
        let is_there = place == name || place.ends_with(&format!(".{name}"));
        match place {
            "" => name.to_owned(),
            place if is_there => place.to_owned(),
            place => format!("{}.{name}", place.trim_end_matches(".?")),
        }
    };
    if let Some(rest) = message.strip_prefix("missing field `") {
        return (named(rest), "a value: it is missing".to_owned());
    }
    if let Some(rest) = message.strip_prefix("duplicate field `") {
        return (named(rest), "one value: it is there twice".to_owned());
    }
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let known = rest
            .split_once(", expected ")
            .map_or("no such field", |(_, known)| known);
        let known = known.strip_prefix("one of ").unwrap_or(known);
        return (named(rest), format!("no such field; there are {known}"));
    }
    let field = if place.is_empty() { "body" } else { place };
    (field.to_owned(), without_values(message))
}

/// `invalid type: string "hunter2", expected u32` → `expected u32`; a parser's complaint → what it takes; other messages
/// keep their words.
pub(super) fn without_values(message: &str) -> String {
    let quotes_a_value = message.starts_with("invalid type") || message.starts_with("invalid value");
    if let Some(at) = message.rfind(", expected ").filter(|_| quotes_a_value) {
        return message[at + 2..].to_owned();
    }
    let parsers = [
        ("invalid digit found", "a whole number"),
        ("number too large", "a smaller number"),
        ("number too small", "a larger number"),
        ("cannot parse integer", "a whole number"),
        ("cannot parse float", "a number"),
        ("invalid float", "a number"),
        ("provided string was not", "`true` or `false`"),
        ("UUID parsing failed", "a UUID"),
    ];
    let known = parsers.iter().find(|(complaint, _)| message.contains(complaint));
    known.map_or_else(|| message.to_owned(), |(_, expected)| (*expected).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_missing_unknown_or_twice_there_is_named_with_its_place() {
        for (path, message, field) in [
            (".", "missing field `title`", "title"),
            ("needs", "missing field `type` at line 1 column 2", "needs.type"),
            ("?", "unknown field `titel`, expected `title`", "titel"),
            (
                "needs.labls",
                "unknown field `labls`, expected one of `labels`, `region`",
                "needs.labls",
            ),
            (
                "needs.?",
                "unknown field `labls`, expected `labels`",
                "needs.labls",
            ),
            (".", "duplicate field `title`", "title"),
        ] {
            assert_eq!(refused(path, message).0, field, "{path} {message}");
        }
        let unknown = refused(".", "unknown field `a`, expected one of `b`, `c`").1;
        assert_eq!(unknown, "no such field; there are `b`, `c`");
    }

    #[test]
    fn what_a_parser_complains_of_becomes_what_was_expected() {
        assert_eq!(without_values("invalid digit found in string"), "a whole number");
        assert_eq!(
            without_values("UUID parsing failed: invalid length: found 3"),
            "a UUID"
        );
        assert_eq!(
            without_values("invalid type: string \"hunter2\", expected u32"),
            "expected u32"
        );
        assert_eq!(
            without_values("unknown variant `x`, expected `a` or `b`"),
            "unknown variant `x`, expected `a` or `b`"
        );
    }
}
