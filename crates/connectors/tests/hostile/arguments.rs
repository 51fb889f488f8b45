//! Arguments made to cost more than they are long. What is counted is memory: the work went with it.

use connectors::{CallFailure, Rehearsed};
use domain::CallErrorKind;
use serde_json::{Map, Value, json};

use crate::calling;
use crate::case::posting;

/// Most bytes held at once by a call with a few megabytes of arguments, and most allocations.
const BYTES: u64 = 64 << 20;
const ALLOCATIONS: u64 = 300_000;

fn cheaply(description: &Value, arguments: Value) -> Result<Rehearsed, CallFailure> {
    let mut answer = None;
    let cost = allocation_counter::measure(|| answer = Some(calling::call(description, arguments)));
    assert!(cost.bytes_max <= BYTES, "{} bytes at once", cost.bytes_max);
    assert!(
        cost.count_total <= ALLOCATIONS,
        "{} allocations",
        cost.count_total
    );
    answer.unwrap()
}

/// A hundred fields, none of which the arguments below name.
fn hundred() -> Value {
    let properties: Map<String, Value> = (0..100)
        .map(|number| (format!("{number}{}", "b".repeat(50)), json!({"type": "string"})))
        .collect();
    posting(
        json!({"type": "object", "properties": properties, "additionalProperties": false}),
        json!({}),
    )
}

fn refused(arguments: Value) -> String {
    let failure = cheaply(&hundred(), arguments).unwrap_err();
    assert_eq!(failure.kind, CallErrorKind::InvalidArguments);
    assert!(failure.message.len() < 10_000, "{}", failure.message);
    failure.message
}

#[test]
fn thousands_of_unknown_fields_are_not_each_compared_with_the_known_ones() {
    let many: Map<String, Value> = (0..50_000)
        .map(|number| (format!("{number}{}", "a".repeat(50)), json!(1)))
        .collect();
    let message = refused(Value::Object(many));
    assert_eq!(message.matches("no such field").count(), 10, "{message}");
    assert!(message.ends_with("and more"), "{message}");
}

#[test]
fn the_name_of_a_field_that_is_four_megabytes_long_is_not_compared_at_all() {
    let message = refused(json!({ "a".repeat(4 << 20): 1 }));
    assert!(message.contains("no such field"), "{message}");
}

#[test]
fn a_text_that_names_every_boundary_of_a_form_costs_one_look() {
    let names: String = (0..50_000)
        .map(|number| format!("--devmesh-part-boundary-{number}\r\n"))
        .collect();
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let mut description = posting(schema, json!({}));
    let content = description
        .pointer_mut("/paths/~1a/post/requestBody/content")
        .and_then(Value::as_object_mut)
        .unwrap();
    let media = content.remove("application/json").unwrap();
    content.insert("multipart/form-data".to_owned(), media);
    let request = cheaply(&description, json!({"text": names})).unwrap();
    assert!(request.body.len() > names.len() && request.body.len() < names.len() + 500);
}
