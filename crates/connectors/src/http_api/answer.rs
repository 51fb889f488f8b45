//! An HTTP answer as a tool result.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::call::EmbeddedResource;
use domain::{CallErrorKind, CallOutcome, Content};
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use serde_json::{Map, Value};

use super::exchange::Answer;
use super::read::Body;
use super::redact::Redactor;

/// Most bytes of an error's body that are shown.
const ERROR_TEXT: usize = 2 << 10;

/// What an answer says before its body.
pub(super) struct Head {
    pub(super) status: StatusCode,
    media: Media,
    retry_after: Option<String>,
    location: Option<String>,
    refused_redirect: Option<&'static str>,
    /// Without query: it names the bytes that an answer carries.
    url: String,
    /// Whether structured content has the answer under `result`, objects too.
    wraps_result: bool,
}

impl Head {
    pub(super) fn of(answer: &Answer, wraps_result: bool) -> Self {
        let Answer {
            response,
            url,
            refused_redirect,
        } = answer;
        let header = |name: HeaderName| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.chars().take(512).collect::<String>())
        };
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        Self {
            status: response.status(),
            media: Media::parse(header(CONTENT_TYPE).as_deref()),
            retry_after: header(RETRY_AFTER),
            location: header(LOCATION),
            refused_redirect: *refused_redirect,
            url: url.to_string(),
            wraps_result,
        }
    }

    pub(super) fn outcome(&self, body: &Body, redactor: &Redactor) -> CallOutcome {
        let outcome = match self.status.as_u16() {
            400.. => self.error(body, redactor),
            _ if self.refused_redirect.is_some() => self.redirected(),
            _ if body.bytes.is_empty() => {
                CallOutcome::text(format!("the upstream answered {}, without a body", self.status))
            }
            _ => self.success(body, redactor),
        };
        CallOutcome {
            upstream_status: Some(self.status.as_u16()),
            response_bytes: body.total,
            ..outcome
        }
    }

    fn error(&self, body: &Body, redactor: &Redactor) -> CallOutcome {
        let kind = match self.status.is_server_error() {
            true => CallErrorKind::UpstreamFailed,
            false => CallErrorKind::UpstreamRejected,
        };
        let mut text = self.media.text(&body.bytes);
        redactor.clean(&mut text, body.cut);
        let cut = text.len() > ERROR_TEXT || body.cut;
        text.truncate(text.floor_char_boundary(ERROR_TEXT));
        let note = if cut {
            format!(" … (cut; {} bytes in all)", body.total)
        } else {
            String::new()
        };
        let retry = self
            .retry_after
            .as_ref()
            .map(|after| format!(" (Retry-After: {after})"))
            .unwrap_or_default();
        let separator = if text.trim().is_empty() { "" } else { ": " };
        let text = text.trim();
        CallOutcome::failed(
            kind,
            format!(
                "the upstream answered {}{retry}{separator}{text}{note}",
                self.status
            ),
        )
    }

    /// After 303 the write is done and what is there can be read; after the others nobody knows.
    fn redirected(&self) -> CallOutcome {
        let reason = self.refused_redirect.unwrap_or_default();
        let to = self
            .location
            .as_ref()
            .map(|to| format!(" to {to}"))
            .unwrap_or_default();
        let text = format!(
            "the upstream answered {}, a redirect{to}; it is not followed: {reason}",
            self.status
        );
        match self.status {
            StatusCode::SEE_OTHER => CallOutcome::text(text),
            _ => CallOutcome::failed(CallErrorKind::UpstreamRejected, text),
        }
    }

    fn success(&self, body: &Body, redactor: &Redactor) -> CallOutcome {
        match self.media.kind(&body.bytes) {
            Kind::Json if !body.cut => self.json(&body.bytes),
            Kind::Json | Kind::Text => {
                let mut text = self.media.text(&body.bytes);
                redactor.clean(&mut text, body.cut);
                let mut outcome = CallOutcome::text(text);
                if body.cut {
                    outcome.content.push(Content::Text { text: cut_note(body) });
                }
                outcome
            }
            _ if body.cut => CallOutcome::text(format!(
                "the upstream answered {} of {} which is too large to hand over. {}",
                size(body),
                self.media.name,
                cut_note(body)
            )),
            kind => self.binary(kind, &body.bytes),
        }
    }

    /// Objects are structured content as they are; anything else is wrapped, because MCP takes only objects.
    fn json(&self, bytes: &[u8]) -> CallOutcome {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => {
                let text = value.to_string();
                let structured = match value {
                    Value::Object(_) if !self.wraps_result => value,
                    other => Value::Object(Map::from_iter([("result".to_owned(), other)])),
                };
                CallOutcome {
                    structured: Some(structured),
                    ..CallOutcome::text(text)
                }
            }
            Err(error) => {
                let mut outcome = CallOutcome::text(self.media.text(bytes));
                let text = format!(
                    "[note: the upstream declared this as {}, but it is not JSON (line {}, column {})]",
                    self.media.name,
                    error.line(),
                    error.column()
                );
                outcome.content.push(Content::Text { text });
                outcome
            }
        }
    }

    fn binary(&self, kind: Kind, bytes: &[u8]) -> CallOutcome {
        let data = STANDARD.encode(bytes);
        let mime_type = self.media.name.clone();
        let content = match kind {
            Kind::Image => Content::Image { data, mime_type },
            Kind::Audio => Content::Audio { data, mime_type },
            _ => Content::Resource {
                resource: EmbeddedResource {
                    uri: self.url.clone(),
                    mime_type: Some(mime_type),
                    text: None,
                    blob: Some(data),
                },
            },
        };
        CallOutcome {
            content: vec![content],
            ..CallOutcome::text("")
        }
    }
}

fn size(body: &Body) -> String {
    format!("at least {} bytes", body.total)
}

fn cut_note(body: &Body) -> String {
    format!(
        "[cut: the answer has {}, of which only the first {} may be handed over; ask for less, \
         for example with a filter or a smaller page]",
        size(body),
        body.bytes.len()
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Text,
    Image,
    Audio,
    Binary,
}

/// A media type (RFC 9110, section 8.3).
struct Media {
    /// `type/subtype` in lower case.
    name: String,
    latin1: bool,
    declared: bool,
}

impl Media {
    fn parse(header: Option<&str>) -> Self {
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

    fn kind(&self, bytes: &[u8]) -> Kind {
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

    fn text(&self, bytes: &[u8]) -> String {
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
