//! An HTTP answer as a tool result.

mod media;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::call::EmbeddedResource;
use domain::{CallErrorKind, CallOutcome, Content};
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use serde_json::{Map, Value};

use media::{Kind, Media};

use super::exchange::Answer;
use super::read::Body;
use super::redact::Redactor;

/// Most bytes of an error's body that are shown.
const ERROR_TEXT: usize = 2 << 10;
/// Most bytes of a header that are looked at.
const MAX_HEADER: usize = 512;

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
            Some(value[..value.floor_char_boundary(MAX_HEADER)].to_owned())
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
