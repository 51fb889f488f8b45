//! The ways in which upstreams write a text that they echo.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::zeroize::Zeroizing;
use serde_json::Value;

/// Notations of a secret shorter than this would hit innocent text; the secret itself is always looked for.
pub(super) const MIN_DERIVED: usize = 4;
pub(super) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The secret as it is, in base64, percent-encoded, hexadecimal, and escaped for JSON and HTML.
pub(super) fn notations(secret: &str) -> Vec<Zeroizing<String>> {
    if secret.is_empty() {
        return Vec::new();
    }
    let mut forms = vec![secret.to_owned()];
    if secret.len() >= MIN_DERIVED {
        let percent = utf8_percent_encode(secret, UNRESERVED).to_string();
        let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let json = Value::String(secret.to_owned()).to_string();
        let json = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
        forms.extend([
            lower_hex(&percent),
            percent.replace("%20", "+"),
            // As a query carries it, which is how we send one ourselves.
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            percent,
            hexadecimal.to_uppercase(),
            hexadecimal,
            json.replace('/', "\\/"),
            json,
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
