//! Keeps credentials out of answers, also when the upstream echoes them in another notation.

mod notations;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{CallOutcome, Content};
use memchr::memmem;
use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value};

use notations::{MIN_DERIVED, notations};

/// What stands in place of a credential.
const MARK: &str = "[redacted]";
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
        if (text.contains('\\') || self.is_in(text))
            && text.starts_with(['{', '[', '"'])
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

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memmem::find(bytes, part).is_some()
}

fn replace(bytes: &[u8], part: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((before, after)) = memmem::find(rest, part).and_then(|at| rest.split_at_checked(at)) {
        out.extend_from_slice(before);
        out.extend_from_slice(MARK.as_bytes());
        rest = after.get(part.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
