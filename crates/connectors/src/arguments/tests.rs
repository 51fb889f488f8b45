use serde_json::json;

use super::*;
use crate::testing::tool;

fn refusal(schema: Value, arguments: Value) -> String {
    let failure = Schemas::new()
        .check_arguments(&tool(schema), arguments)
        .unwrap_err();
    assert_eq!(failure.kind, CallErrorKind::InvalidArguments, "{failure}");
    failure.message
}

#[test]
fn every_fault_names_its_field_and_what_was_expected() {
    let schema = json!({
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": 3},
            "state": {"enum": ["open", "closed"]},
            "count": {"type": "integer", "minimum": 1},
            "labels": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        },
        "required": ["title", "owner"],
        "additionalProperties": false,
    });
    let message = refusal(
        schema,
        json!({"title": "hunter2", "state": "secret-state", "count": 0, "labels": [{"name": 1}, {}], "titel": 1}),
    );
    for part in [
        "`owner`: required, but missing",
        "`title`: the value is longer than 3 characters",
        "`state`: expected one of \"open\", \"closed\"",
        "`count`: the value is less than the minimum of 1",
        "`labels.1.name`: required, but missing",
        "`titel`: no such field; did you mean `title`?",
    ] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    assert!(
        !message.contains("hunter2") && !message.contains("secret-state"),
        "{message}"
    );
}

#[test]
fn the_nearest_alternative_says_what_is_missing() {
    let schema = json!({"type": "object", "properties": {"to": {"anyOf": [
        {"type": "object", "required": ["id", "kind", "zone"]},
        {"type": "object", "required": ["name"]},
    ]}}});
    let message = refusal(schema, json!({"to": {"nam": "hunter2"}}));
    assert!(message.contains("`to.name`: required, but missing"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn at_most_ten_faults_are_told() {
    let properties: Map<String, Value> = (0..30)
        .map(|i| (format!("f{i}"), json!({"type": "string"})))
        .collect();
    let arguments: Map<String, Value> = (0..30).map(|i| (format!("f{i}"), json!(7))).collect();
    let message = refusal(
        json!({"type": "object", "properties": properties}),
        arguments.into(),
    );
    assert_eq!(message.matches("expected string").count(), 10, "{message}");
    assert!(message.ends_with("- and more"), "{message}");
}

#[test]
fn no_arguments_are_an_empty_object_and_anything_else_is_refused() {
    let schemas = Schemas::new();
    let tool = tool(json!({"type": "object"}));
    assert_eq!(schemas.check_arguments(&tool, Value::Null).unwrap(), Map::new());
    assert!(schemas.check_arguments(&tool, json!([1])).is_err());
}

#[test]
fn hostile_schemas_are_refused_and_do_not_hang() {
    let ladder: Map<String, Value> = (0..64)
        .map(|i| {
            let next = json!({"$ref": format!("#/$defs/s{}", i + 1)});
            (format!("s{i}"), json!({"allOf": [next, next]}))
        })
        .chain([("s64".to_owned(), json!({}))])
        .collect();
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
        json!({"$ref": "#/$defs/s0", "$defs": ladder}),
        json!({"$ref": "http://127.0.0.1:1/schema.json"}),
        json!({"$ref": "file:///etc/passwd"}),
    ] {
        let failure = Schemas::new()
            .check_arguments(&tool(schema.clone()), json!({}))
            .unwrap_err();
        assert_eq!(failure.kind, CallErrorKind::Internal, "{schema}: {failure}");
    }
}

#[test]
fn a_recursive_schema_is_fine_when_every_turn_goes_deeper_into_the_value() {
    let schema = json!({
        "type": "object",
        "properties": {"child": {"$ref": "#"}, "name": {"type": "string"}},
    });
    assert!(
        Schemas::new()
            .check_arguments(&tool(schema.clone()), json!({"child": {"child": {}}}))
            .is_ok()
    );
    let message = refusal(schema, json!({"child": {"child": {"name": 1}}}));
    assert!(
        message.contains("`child.child.name`: expected string, found integer"),
        "{message}"
    );
}

#[test]
fn a_pattern_that_cannot_be_compiled_is_left_to_the_upstream() {
    let schema = json!({
        "type": "object",
        "properties": {"name": {"type": "string", "pattern": "(?<bad"}, "pattern": {"type": "integer"}},
    });
    let schemas = Schemas::new();
    assert!(
        schemas
            .check_arguments(&tool(schema.clone()), json!({"name": "x", "pattern": 1}))
            .is_ok()
    );
    assert!(
        schemas
            .check_arguments(&tool(schema), json!({"pattern": "x"}))
            .is_err()
    );
}

#[test]
fn a_pattern_that_backtracks_without_end_is_cut_off() {
    let schema =
        json!({"type": "object", "properties": {"x": {"type": "string", "pattern": "^(?=a)(a+)+\\1$"}}});
    let begin = std::time::Instant::now();
    refusal(schema, json!({"x": format!("{}b", "a".repeat(40))}));
    assert!(begin.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn an_answer_that_does_not_fit_the_output_schema_is_noticed() {
    let mut tool = tool(json!({"type": "object"}));
    tool.output_schema = Some(json!({"type": "object", "required": ["id"]}).into());
    assert_eq!(Schemas::new().output_fault(&tool, &json!({"id": 1})), None);
    assert_eq!(
        Schemas::new().output_fault(&tool, &json!({})).as_deref(),
        Some("`id`: required, but missing")
    );
}
