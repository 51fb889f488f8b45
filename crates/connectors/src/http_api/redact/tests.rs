use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use percent_encoding::utf8_percent_encode;

use super::notations::UNRESERVED;
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
fn json_that_was_cut_is_searched_as_text() {
    let escaped = serde_json::to_string(SECRET).unwrap();
    for form in [escaped.clone(), escaped.replace('/', "\\/")] {
        let mut text = format!("{{\"a\":{form},\"b\":\"unfini");
        Redactor::new([SECRET]).clean(&mut text, true);
        assert_eq!(text, "{\"a\":\"[redacted]\",\"b\":\"unfini");
    }
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
