//! Arguments against patterns that explode: an answer within the steps that one match may take.

use domain::CallErrorKind;
use serde_json::{Value, json};

use crate::calling;
use crate::case::posting;

fn call(property: Value, argument: Value) -> Result<Vec<u8>, (CallErrorKind, String)> {
    let description = posting(
        json!({"type": "object", "properties": {"p": property}}),
        json!({}),
    );
    calling::call(&description, json!({"p": argument}))
        .map(|request| request.body.to_vec())
        .map_err(|failure| (failure.kind, failure.message))
}

#[test]
fn a_text_that_makes_a_pattern_explode_is_refused_and_one_that_fits_is_sent() {
    let attack = format!("{}!", "a".repeat(5_000));
    for pattern in [
        "^(a+)+$",
        "^(a|aa)+$",
        "^(a|a?)+$",
        "^(?=(a+)+$).*$",
        "^(a+)+\\1$",
        "^((a*)*)*$",
        "^(.*a){20}$",
    ] {
        let property = json!({"type": "string", "pattern": pattern});
        let (kind, message) = call(property.clone(), json!(attack)).unwrap_err();
        assert_eq!(kind, CallErrorKind::InvalidArguments, "{pattern}: {message}");
        assert!(!message.contains("aaaa"), "{pattern}: the value is not repeated");
        assert!(message.len() < 1_000, "{pattern}: {message}");
        assert!(call(property, json!("a".repeat(20))).is_ok(), "{pattern}");
    }
}

#[test]
fn a_pattern_that_is_none_is_left_to_the_upstream() {
    for pattern in ["([", "(?{ system('id') })", "(a{1000}){1000}", "*"] {
        let body = call(json!({"type": "string", "pattern": pattern}), json!("x")).unwrap();
        assert_eq!(body, br#"{"p":"x"}"#, "{pattern}");
    }
}

#[test]
fn a_hundred_thousand_items_with_a_pattern_each_are_answered() {
    let property = json!({"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,5}$"}});
    let many: Vec<&str> = std::iter::repeat_n("UPPER", 100_000).collect();
    let (kind, message) = call(property, json!(many)).unwrap_err();
    assert_eq!(kind, CallErrorKind::InvalidArguments);
    assert!(message.len() < 2_000, "{} bytes", message.len());
}
