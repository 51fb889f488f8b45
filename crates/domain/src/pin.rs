//! Pins: the tools that a key's holder is shown by themselves, where there are too many to show all.
//!
//! A pin is a tool's name, in which `*` stands for any characters (`github_issues_*`), or a group: `tag:NAME` for the
//! tools of a tag, `provider:NAME` for those of a provider. Case counts in none of them.

use crate::tool::Tool;

/// Most pins of one key: they are a choice, and each is compared with every tool.
pub const MAX_PINS: usize = 64;
/// Longest pin, in bytes.
pub const MAX_LENGTH: usize = 200;

/// A pin, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// Tools whose name fits; lower case, `*` for any characters.
    Name(String),
    /// Tools that carry this tag, in lower case.
    Tag(String),
    /// Tools of the provider with this name, in lower case.
    Provider(String),
}

/// What is wrong with a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tool's name (`*` for any characters), `tag:NAME` or `provider:NAME`, at most {MAX_LENGTH} bytes")]
pub struct InvalidPin;

impl Pin {
    /// Understands a pin's text.
    ///
    /// # Errors
    /// When it is empty, too long, or cannot be a name.
    pub fn parse(text: &str) -> Result<Self, InvalidPin> {
        let lower = text.to_lowercase();
        let fits = !lower.is_empty() && text.len() <= MAX_LENGTH && !text.chars().any(char::is_control);
        match lower.split_once(':') {
            _ if !fits => Err(InvalidPin),
            Some((_, "")) => Err(InvalidPin),
            Some(("tag", name)) => Ok(Self::Tag(name.to_owned())),
            Some(("provider", name)) => Ok(Self::Provider(name.to_owned())),
            Some(_) => Err(InvalidPin),
            None if lower
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-*".contains(&b)) =>
            {
                Ok(Self::Name(lower))
            }
            None => Err(InvalidPin),
        }
    }

    /// Whether it pins this tool, which the provider of this name runs.
    #[must_use]
    pub fn pins(&self, tool: &Tool, provider: &str) -> bool {
        match self {
            Self::Name(pattern) => fits(pattern, &tool.name.to_lowercase()),
            Self::Tag(tag) => tool.tags.iter().any(|own| own.to_lowercase() == *tag),
            Self::Provider(name) => provider.to_lowercase() == *name,
        }
    }
}

/// Whether `text` has the form of `pattern`: its parts between `*` in their order, the first and last at the ends.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = text.strip_prefix(start).and_then(|text| text.strip_suffix(end)) else {
        return false;
    };
    middle.split('*').all(|part| match left.split_once(part) {
        Some((_, after)) => {
            left = after;
            true
        }
        None => part.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_none() {
        for (pattern, text) in [
            ("a*", "a"),
            ("*", "abc"),
            ("a*c", "abc"),
            ("*b*", "abc"),
            ("a*b*d", "a_b_c_d"),
            ("ab", "ab"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a*", "ba"),
            ("ab*b", "ab"),
            ("a*c*", "ab"),
            ("ab", "abc"),
            ("*x*", "abc"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pin_is_a_name_or_a_group_and_nothing_else() {
        assert_eq!(
            Pin::parse("GitHub_Issues_*"),
            Ok(Pin::Name("github_issues_*".to_owned()))
        );
        assert_eq!(
            Pin::parse("tag:Pull Requests"),
            Ok(Pin::Tag("pull requests".to_owned()))
        );
        assert_eq!(
            Pin::parse("provider:github"),
            Ok(Pin::Provider("github".to_owned()))
        );
        for text in ["", "tag:", "owner:x", "two words", "a\u{7}", &"x".repeat(201)] {
            assert_eq!(Pin::parse(text), Err(InvalidPin), "{text}");
        }
    }
}
