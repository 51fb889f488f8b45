//! Looks for secrets wherever something was written, also in the notations that programs write texts in.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Secrets that must be found nowhere, by name.
#[derive(Default)]
pub struct Canaries {
    count: usize,
    forms: Vec<Form>,
    /// Finds all forms in one pass; made when it is first needed.
    searcher: OnceLock<AhoCorasick>,
}

/// One notation of a secret.
struct Form {
    secret: String,
    notation: String,
    text: String,
}

impl Canaries {
    /// Looks for `secret` from now on, under this name.
    pub fn add(&mut self, name: &str, secret: &str) {
        let forms = notations(secret).into_iter().map(|(notation, text)| Form {
            secret: name.to_owned(),
            notation,
            text,
        });
        self.forms.extend(forms);
        self.count += 1;
        self.searcher = OnceLock::new();
    }

    /// How many secrets are looked for.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The secrets that are in `bytes`, each with the notation, but not the one called `except`, whose place it is.
    ///
    /// # Errors
    /// When there are too many to look for.
    pub fn found_in(&self, bytes: &[u8], except: &str) -> Result<Vec<String>> {
        let searcher = match self.searcher.get() {
            Some(searcher) => searcher,
            None => {
                let made = AhoCorasick::new(self.forms.iter().map(|form| &form.text))?;
                self.searcher.get_or_init(|| made)
            }
        };
        let found: BTreeSet<usize> = searcher
            .find_overlapping_iter(bytes)
            .map(|found| found.pattern().as_usize())
            .collect();
        let forms = found.into_iter().filter_map(|at| self.forms.get(at));
        let others = forms.filter(|form| form.secret != except);
        Ok(others
            .map(|form| format!("{} ({})", form.secret, form.notation))
            .collect())
    }
}

/// As it is; in hexadecimal; percent-encoded; escaped for JSON, and for JSON inside JSON; and what can be seen of it in the
/// base64 of any text around it, which stands at one of three alignments.
fn notations(secret: &str) -> Vec<(String, String)> {
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let unreserved = percent
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_")
        .replace("%7E", "~");
    let json = json_escaped(secret);
    let mut forms = vec![
        ("plain", secret.to_owned()),
        ("hexadecimal", hex::encode(secret)),
        ("hexadecimal, capitals", hex::encode_upper(secret)),
        ("percent", percent.clone()),
        ("percent, small letters", percent.to_lowercase()),
        ("percent, unreserved kept", unreserved),
        (
            "form",
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        ),
        ("quotes escaped", secret.replace('"', "\\\"")),
        ("JSON", json.clone()),
        ("JSON, slashes escaped", json.replace('/', "\\/")),
        ("JSON in JSON", json_escaped(&json)),
    ];
    for offset in 0..3 {
        let text = inside_base64(secret, offset);
        forms.push(("base64, for URLs", text.replace('+', "-").replace('/', "_")));
        forms.push(("base64", text));
    }
    forms
        .into_iter()
        .map(|(form, text)| (form.to_owned(), text))
        .collect()
}

fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

/// The characters that depend on the secret alone, when `offset` bytes (modulo 3) stand before it.
fn inside_base64(secret: &str, offset: usize) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(secret.bytes()).collect();
    let encoded = STANDARD_NO_PAD.encode(&padded);
    let (first, known) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    encoded.get(first..known).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &str = r#"s3cr\et "with" /+%&= ünd~._-"#;

    fn canaries() -> Canaries {
        let mut canaries = Canaries::default();
        canaries.add("planted", SECRET);
        canaries
    }

    #[test]
    fn a_planted_secret_is_found_in_every_notation_wherever_it_stands() {
        let canaries = canaries();
        let around = ["", "x", "xy", "xyz"];
        for (before, after) in around.iter().flat_map(|b| around.iter().map(move |a| (b, a))) {
            let text = format!("{before}{SECRET}{after}");
            let encoded = [
                text.clone(),
                hex::encode(&text),
                hex::encode_upper(&text),
                STANDARD.encode(&text),
                STANDARD_NO_PAD.encode(&text),
                URL_SAFE.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string(),
                utf8_percent_encode(&text, NON_ALPHANUMERIC)
                    .to_string()
                    .to_lowercase(),
                url::form_urlencoded::byte_serialize(text.as_bytes())
                    .collect::<String>()
                    .replace('+', "%20")
                    .replace("%7E", "~"),
                serde_json::json!({ "a": text }).to_string(),
                serde_json::json!({ "a": text }).to_string().replace('/', "\\/"),
                serde_json::json!({ "a": serde_json::json!({ "b": text }).to_string() }).to_string(),
            ];
            for (number, encoded) in encoded.iter().enumerate() {
                let line = format!("some log line with {encoded} in it");
                assert!(
                    !canaries.found_in(line.as_bytes(), "").unwrap().is_empty(),
                    "{number}: {line}"
                );
                assert!(
                    canaries.found_in(line.as_bytes(), "planted").unwrap().is_empty(),
                    "its own place"
                );
            }
        }
    }

    #[test]
    fn a_text_without_it_is_clean() {
        let text = "s3cr et with /+%&= and dm_0123456789ab".repeat(100);
        assert!(canaries().found_in(text.as_bytes(), "").unwrap().is_empty());
    }
}
