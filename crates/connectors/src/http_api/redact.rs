//! Keeps credentials out of answers, also when the upstream echoes them in another notation.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use domain::{CallOutcome, Content};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value};

/// What stands in place of a credential.
const MARK: &str = "[redacted]";
/// Notations of a secret shorter than this would hit innocent text; the secret itself is always looked for.
const MIN_DERIVED: usize = 4;
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Finds a secret in any notation that an upstream may echo it in. Zeroized when dropped.
#[derive(Default)]
pub(crate) struct Redactor {
    /// Longest first, so that a notation which contains another one goes as a whole.
    forms: Vec<Zeroizing<String>>,
}

impl Redactor {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms: Vec<Zeroizing<String>> = secrets.into_iter().flat_map(notations).collect();
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { forms }
    }

    /// `user:password`: the pair and the password; the user where it stands alone, as API keys do.
    pub(crate) fn for_basic(pair: &str) -> Self {
        match pair.split_once(':') {
            Some((user, "")) => Self::new([pair, user]),
            Some((_, password)) => Self::new([pair, password]),
            None => Self::new([pair]),
        }
    }

    /// Redacts every piece of an outcome.
    pub(crate) fn redact(&self, outcome: &mut CallOutcome) {
        if self.forms.is_empty() {
            return;
        }
        if let Some(value) = &mut outcome.structured {
            self.value(value);
        }
        for content in &mut outcome.content {
            self.content(content);
        }
    }

    fn content(&self, content: &mut Content) {
        match content {
            Content::Text { text } => self.clean(text, false),
            Content::Image { data, mime_type } | Content::Audio { data, mime_type } => {
                self.binary(data);
                self.text(mime_type);
            }
            Content::Resource { resource } => {
                self.text(&mut resource.uri);
                resource
                    .mime_type
                    .iter_mut()
                    .chain(&mut resource.text)
                    .for_each(|text| self.text(text));
                resource.blob.iter_mut().for_each(|data| self.binary(data));
            }
            Content::ResourceLink { uri, name } => {
                self.text(uri);
                self.text(name);
            }
        }
    }

    /// Redacts a text. JSON is redacted as values first: there the same text may be escaped in many ways.
    /// The end of a text that was `cut` may be the first part of a secret.
    pub(super) fn clean(&self, text: &mut String, cut: bool) {
        if text.starts_with(['{', '[', '"'])
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
            && self.value(&mut value)
        {
            *text = value.to_string();
        }
        self.text(text);
        if cut {
            self.cut_off(text);
        }
    }

    fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    fn text(&self, text: &mut String) {
        for form in &self.forms {
            if text.contains(form.as_str()) {
                *text = text.replace(form.as_str(), MARK);
            }
        }
    }

    fn cut_off(&self, text: &mut String) {
        let longest = self
            .forms
            .iter()
            .filter_map(|form| {
                (1..form.len())
                    .rev()
                    .find(|length| form.get(..*length).is_some_and(|part| text.ends_with(part)))
            })
            .max();
        if let Some(length) = longest {
            text.truncate(text.len() - length);
            text.push_str(MARK);
        }
    }

    fn binary(&self, data: &mut String) {
        let Ok(bytes) = STANDARD.decode(&*data) else {
            return;
        };
        let found = self.forms.iter().any(|form| contains(&bytes, form.as_bytes()));
        if found {
            let clean = self
                .forms
                .iter()
                .fold(bytes, |bytes, form| replace(&bytes, form.as_bytes()));
            *data = STANDARD.encode(clean);
        }
    }

    /// Redacts strings, keys and numbers; answers whether there was anything.
    fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => {
                let had = self.is_in(text);
                if had {
                    self.text(text);
                }
                had
            }
            Value::Number(number) => {
                let text = number.to_string();
                let had = self
                    .forms
                    .iter()
                    .any(|form| form.len() >= MIN_DERIVED && text.contains(form.as_str()));
                if had {
                    *value = Value::String(MARK.to_owned());
                }
                had
            }
            Value::Array(items) => self.values(items.iter_mut()),
            Value::Object(map) => self.object(map),
            Value::Null | Value::Bool(_) => false,
        }
    }

    /// Every one, also after the first find.
    fn values<'v>(&self, values: impl Iterator<Item = &'v mut Value>) -> bool {
        values.filter_map(|value| self.value(value).then_some(())).count() > 0
    }

    fn object(&self, map: &mut Map<String, Value>) -> bool {
        let had = self.values(map.values_mut());
        let in_keys = map.keys().any(|key| self.is_in(key));
        if in_keys {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(mut key, item)| {
                    self.text(&mut key);
                    (key, item)
                })
                .collect();
        }
        had || in_keys
    }
}

/// The secret as it is, in base64, percent-encoded, hexadecimal, and escaped for JSON and HTML.
fn notations(secret: &str) -> Vec<Zeroizing<String>> {
    if secret.is_empty() {
        return Vec::new();
    }
    let mut forms = vec![secret.to_owned()];
    if secret.len() >= MIN_DERIVED {
        let percent = utf8_percent_encode(secret, UNRESERVED).to_string();
        let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let json = Value::String(secret.to_owned()).to_string();
        forms.extend([
            lower_hex(&percent),
            percent.replace("%20", "+"),
            percent,
            hexadecimal.to_uppercase(),
            hexadecimal,
            json.trim_matches('"').to_owned(),
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;"),
        ]);
        forms.extend(
            [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|engine| engine.encode(secret)),
        );
        forms.extend(inside_base64(secret));
    }
    forms
        .into_iter()
        .filter(|form| !form.is_empty())
        .map(Zeroizing::new)
        .collect()
}

/// What of a secret can be seen in the base64 of a longer text that contains it, at each of the three alignments.
fn inside_base64(secret: &str) -> Vec<String> {
    (0..3_usize)
        .filter_map(|offset| {
            let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(secret.bytes()).collect();
            let encoded = STANDARD_NO_PAD.encode(&padded);
            // Characters that also carry bits of what stands before or after are not known.
            let first = (offset * 8).div_ceil(6);
            let known = padded.len() * 8 / 6;
            encoded.get(first..known).map(ToOwned::to_owned)
        })
        .filter(|part| part.len() >= 8)
        .flat_map(|part| [part.replace('+', "-").replace('/', "_"), part])
        .collect()
}

/// Percent triplets with lower-case digits, which some encoders write.
fn lower_hex(percent: &str) -> String {
    let mut after_percent = 0;
    percent
        .chars()
        .map(|character| {
            after_percent = if character == '%' {
                3_u8
            } else {
                after_percent.saturating_sub(1)
            };
            if after_percent > 0 {
                character.to_ascii_lowercase()
            } else {
                character
            }
        })
        .collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn replace(bytes: &[u8], part: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(part.len()).position(|window| window == part) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(MARK.as_bytes());
        rest = after.get(part.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr&t \"t0k/n+é~x";

    fn redacted(text: impl Into<String>) -> String {
        let mut outcome = CallOutcome::text(text);
        Redactor::new([SECRET]).redact(&mut outcome);
        match outcome.content.remove(0) {
            Content::Text { text } => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_notation_of_a_secret_is_found() {
        let percent = utf8_percent_encode(SECRET, UNRESERVED).to_string();
        let table = [
            SECRET.to_owned(),
            STANDARD.encode(SECRET),
            STANDARD_NO_PAD.encode(SECRET),
            URL_SAFE.encode(SECRET),
            percent.to_lowercase(),
            percent.replace("%20", "+"),
            percent,
            SECRET.bytes().map(|byte| format!("{byte:02X}")).collect(),
            "s3cr&amp;t &quot;t0k/n+é~x".to_owned(),
            serde_json::to_string(SECRET).unwrap(),
        ];
        for form in table {
            let text = redacted(format!("<{form}>"));
            assert!(text.contains(MARK) && !text.contains(&form), "{form}: {text}");
        }
    }

    #[test]
    fn a_secret_within_longer_base64_is_found_at_every_alignment() {
        for before in ["", "x", "xy", "user:"] {
            let encoded = STANDARD.encode(format!("{before}{SECRET}tail"));
            let text = redacted(encoded.clone());
            assert!(text.contains(MARK), "{before}: {text}");
            let decoded = STANDARD.decode(text.replace(MARK, "AAAA")).unwrap_or_default();
            assert!(!contains(&decoded, SECRET.as_bytes()));
        }
    }

    #[test]
    fn json_is_searched_as_values_however_it_is_escaped() {
        let escaped: String = SECRET
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        let text = redacted(format!("{{\"{escaped}\":[\"{escaped}\"]}}"));
        assert_eq!(text, "{\"[redacted]\":[\"[redacted]\"]}");
    }

    #[test]
    fn a_numeric_secret_is_found_in_a_number() {
        let mut outcome = CallOutcome::text("x");
        outcome.structured = Some(serde_json::json!({"pin": 12_345_678, "n": 1}));
        Redactor::new(["12345678"]).redact(&mut outcome);
        assert_eq!(
            outcome.structured,
            Some(serde_json::json!({"pin": "[redacted]", "n": 1}))
        );
    }

    #[test]
    fn the_first_part_of_a_secret_at_the_end_of_a_cut_answer_is_found() {
        let mut text = "abc s3cr&t \"t0".to_owned();
        Redactor::new([SECRET]).clean(&mut text, true);
        assert_eq!(text, "abc [redacted]");
    }

    #[test]
    fn bytes_are_searched_before_they_are_base64() {
        let data = STANDARD.encode([b"\x00\xff".as_slice(), SECRET.as_bytes(), b"\x01"].concat());
        let mut outcome = CallOutcome::text("");
        outcome.content = vec![Content::Image {
            data,
            mime_type: "image/png".to_owned(),
        }];
        Redactor::new([SECRET]).redact(&mut outcome);
        let Content::Image { data, .. } = &outcome.content[0] else {
            panic!()
        };
        assert_eq!(STANDARD.decode(data).unwrap(), b"\x00\xff[redacted]\x01");
    }

    #[test]
    fn basic_redacts_the_password_and_a_user_that_is_a_key() {
        let mut outcome = CallOutcome::text("admin hunter2");
        Redactor::for_basic("admin:hunter2").redact(&mut outcome);
        assert_eq!(outcome.content, CallOutcome::text("admin [redacted]").content);
        let mut outcome = CallOutcome::text("sk_live_1");
        Redactor::for_basic("sk_live_1:").redact(&mut outcome);
        assert_eq!(outcome.content, CallOutcome::text("[redacted]").content);
    }
}
