//! Looks for secrets wherever something was written, also in the notations that programs write texts in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Secrets that must be found nowhere, by name.
#[derive(Default)]
pub struct Canaries(Vec<Canary>);

/// Its name, itself, and each notation of it with what finds that.
type Canary = (String, String, Vec<(String, Finder<'static>)>);

impl Canaries {
    /// Looks for `secret` from now on, under this name.
    pub fn add(&mut self, name: &str, secret: &str) {
        let forms = notations(secret).into_iter();
        let forms = forms.map(|(form, text)| (form, Finder::new(text.as_bytes()).into_owned()));
        self.0.push((name.to_owned(), secret.to_owned(), forms.collect()));
    }

    /// How many secrets are looked for.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secrets that are in `bytes`, each with the notation, but not the one called `except`, whose place it is.
    pub fn found_in(&self, bytes: &[u8], except: &str) -> Vec<String> {
        let others = self.0.iter().filter(|(name, ..)| name != except);
        let hits = others.flat_map(|(name, _, forms)| {
            let hits = forms.iter().filter(|(_, finder)| finder.find(bytes).is_some());
            hits.map(move |(form, _)| format!("{name} ({form})"))
        });
        hits.collect()
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
                    !canaries.found_in(line.as_bytes(), "").is_empty(),
                    "{number}: {line}"
                );
                assert!(
                    canaries.found_in(line.as_bytes(), "planted").is_empty(),
                    "its own place"
                );
            }
        }
    }

    #[test]
    fn a_text_without_it_is_clean() {
        let text = "s3cr et with /+%&= and dm_0123456789ab".repeat(100);
        assert!(canaries().found_in(text.as_bytes(), "").is_empty());
    }
}
