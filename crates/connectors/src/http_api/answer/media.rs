//! What an answer is, by its media type.

/// What an answer is handed over as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Text,
    Image,
    Audio,
    Binary,
}

/// A media type (RFC 9110, section 8.3).
pub(super) struct Media {
    /// `type/subtype` in lower case.
    pub(super) name: String,
    latin1: bool,
    declared: bool,
}

impl Media {
    pub(super) fn parse(header: Option<&str>) -> Self {
        let header = header.unwrap_or_default().to_ascii_lowercase();
        let (name, parameters) = header.split_once(';').unwrap_or((&header, ""));
        let charset = parameters
            .split(';')
            .find_map(|part| part.trim().strip_prefix("charset="));
        let latin1 = matches!(
            charset.map(|charset| charset.trim_matches('"')),
            Some("iso-8859-1" | "latin1" | "windows-1252")
        );
        let declared = name.contains('/');
        let name = if declared {
            name.trim()
        } else {
            "application/octet-stream"
        };
        Self {
            name: name.to_owned(),
            latin1,
            declared,
        }
    }

    pub(super) fn kind(&self, bytes: &[u8]) -> Kind {
        let (group, subtype) = self.name.split_once('/').unwrap_or_default();
        match group {
            _ if !self.declared => undeclared(bytes),
            _ if subtype == "json" || subtype.ends_with("+json") => Kind::Json,
            "text" => Kind::Text,
            "image" => Kind::Image,
            "audio" => Kind::Audio,
            "application" if is_text(subtype) => Kind::Text,
            _ => Kind::Binary,
        }
    }

    pub(super) fn text(&self, bytes: &[u8]) -> String {
        match (self.latin1, std::str::from_utf8(bytes)) {
            (_, Ok(text)) => text.trim_start_matches('\u{feff}').to_owned(),
            (true, Err(_)) => bytes.iter().map(|byte| char::from(*byte)).collect(),
            (false, Err(_)) => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// An answer that does not say what it is.
fn undeclared(bytes: &[u8]) -> Kind {
    match std::str::from_utf8(bytes) {
        Ok(text) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => Kind::Json,
        Ok(text) if !text.contains('\0') => Kind::Text,
        _ => Kind::Binary,
    }
}

fn is_text(subtype: &str) -> bool {
    const TEXT: [&str; 10] = [
        "xml",
        "yaml",
        "x-yaml",
        "javascript",
        "ecmascript",
        "x-ndjson",
        "jsonl",
        "x-www-form-urlencoded",
        "graphql",
        "toml",
    ];
    TEXT.contains(&subtype)
        || subtype.ends_with("+xml")
        || subtype.ends_with("+yaml")
        || subtype.ends_with("+text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_decides_what_an_answer_becomes() {
        let table = [
            (Some("application/json"), "1", Kind::Json),
            (Some("Application/JSON; charset=utf-8"), "1", Kind::Json),
            (Some("application/vnd.github+json"), "{}", Kind::Json),
            (Some("text/json"), "{}", Kind::Json),
            (Some("text/html"), "<p>", Kind::Text),
            (Some("application/xml"), "<p/>", Kind::Text),
            (Some("application/atom+xml"), "<p/>", Kind::Text),
            (Some("image/svg+xml"), "<svg/>", Kind::Image),
            (Some("image/png"), "x", Kind::Image),
            (Some("audio/wav"), "x", Kind::Audio),
            (Some("application/zip"), "x", Kind::Binary),
            (Some("nonsense"), "{}", Kind::Json),
            (None, "[1]", Kind::Json),
            (None, "hello", Kind::Text),
            (None, "\0", Kind::Binary),
        ];
        for (header, body, kind) in table {
            assert_eq!(Media::parse(header).kind(body.as_bytes()), kind, "{header:?}");
        }
    }

    #[test]
    fn text_is_read_in_its_character_set() {
        assert_eq!(
            Media::parse(Some("text/plain; charset=ISO-8859-1")).text(b"caf\xe9"),
            "café"
        );
        assert_eq!(
            Media::parse(Some("text/plain")).text("\u{feff}café".as_bytes()),
            "café"
        );
        assert_eq!(Media::parse(Some("text/plain")).text(b"caf\xe9"), "caf\u{fffd}");
    }
}
