//! Output schemas: true of what upstreams really send.

use serde_json::{Value, json};

use crate::support::{answering, assert_values, description, http, only_tool};

fn output(schema: Value, components: Value) -> (Value, bool) {
    let tool = only_tool(&answering("3.0.0", schema, components));
    let wraps = http(&tool).wraps_result;
    (tool.output_schema.expect("an output schema").value(), wraps)
}

#[test]
fn nulls_missing_members_new_members_and_new_enumeration_values_are_answers_too() {
    let (schema, wraps) = output(
        json!({"$ref": "#/components/schemas/Job"}),
        json!({"schemas": {
            "Job": {
                "type": "object",
                "required": ["id", "state", "owner"],
                "additionalProperties": false,
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "state": {"type": "string", "enum": ["open", "closed"]},
                    "owner": {"$ref": "#/components/schemas/User"},
                    "url": {"type": "string", "format": "uri", "pattern": "^https"},
                    "labels": {"type": "array", "items": {"$ref": "#/components/schemas/User"}, "minItems": 1},
                    "closed_by": {"allOf": [{"$ref": "#/components/schemas/User"}], "nullable": true},
                },
            },
            "User": {"type": "object", "required": ["login"], "properties": {"login": {"type": "string"}}},
        }}),
    );
    assert!(!wraps);
    assert_values(
        &schema,
        &[
            json!({"id": 1, "state": "open", "owner": {"login": "x"}}),
            json!({"id": 0, "state": "merged", "owner": null, "url": "ftp:", "labels": [null], "more": 1}),
            json!({"closed_by": null, "owner": {"login": null}, "labels": []}),
            json!({}),
        ],
        &[
            json!({"id": "one"}),
            json!({"owner": "x"}),
            json!({"labels": {}}),
            json!([]),
        ],
    );
    assert_eq!(
        schema["properties"]["state"]["examples"],
        json!(["open", "closed"])
    );
}

#[test]
fn an_answer_that_is_no_object_stands_in_a_member_result() {
    let list = json!({"type": "array", "items": {"type": "string"}});
    let object = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let nullable = json!({"type": "object", "nullable": true});
    for inner in [
        list.clone(),
        json!({"type": "string"}),
        json!({}),
        json!({"oneOf": [list, object]}),
        nullable,
    ] {
        let (schema, wraps) = output(inner.clone(), json!({}));
        assert!(wraps, "{inner}");
        assert_values(&schema, &[json!({"result": null})], &[json!({})]);
    }
}

#[test]
fn alternatives_of_objects_are_objects_and_may_match_together() {
    let variant = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}});
    let (schema, wraps) = output(json!({"oneOf": [variant("a"), variant("b")]}), json!({}));
    assert!(!wraps);
    assert_eq!(schema["type"], "object");
    assert_values(
        &schema,
        &[json!({"a": "x"}), json!({"a": "x", "b": "y"}), json!({})],
        &[json!([])],
    );
}

#[test]
fn write_only_members_are_not_described() {
    let (schema, _) = output(
        json!({"type": "object", "properties": {
            "password": {"type": "string", "writeOnly": true},
            "name": {"type": "string", "readOnly": true},
        }}),
        json!({}),
    );
    assert_eq!(
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["name"]
    );
}

#[test]
fn a_recursive_answer_is_an_object_by_its_own_word() {
    let (schema, wraps) = output(
        json!({"$ref": "#/components/schemas/Node"}),
        json!({"schemas": {"Node": {"type": "object", "properties": {
            "name": {"type": "string"},
            "next": {"$ref": "#/components/schemas/Node"},
        }}}}),
    );
    assert!(!wraps);
    assert_eq!(schema["type"], "object");
    assert!(schema.get("$ref").is_none(), "{schema}");
    assert_values(
        &schema,
        &[json!({"next": {"next": null}})],
        &[json!({"next": {"name": 1}})],
    );
}

#[test]
fn every_successful_answer_counts() {
    let answer =
        |schema: Value| json!({"description": "ok", "content": {"application/json": {"schema": schema}}});
    let text = json!({"type": "object", "properties": {"id": {"type": "string"}}});
    let number = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
    let operation = json!({"operationId": "get", "responses": {
        "200": answer(text), "202": answer(number), "404": answer(json!({"type": "string"})),
    }});
    let tool = only_tool(&description(
        "3.0.0",
        json!({"/things": {"get": operation}}),
        json!({}),
    ));
    let schema = tool.output_schema.unwrap();
    assert_values(
        &schema,
        &[json!({"id": "x"}), json!({"id": 1})],
        &[json!({"id": true})],
    );
}

#[test]
fn answers_without_json_have_no_output_schema() {
    for response in [
        json!({"204": {"description": "done"}}),
        json!({"200": {"description": "ok", "content": {"text/html": {"schema": {"type": "string"}}}}}),
        json!({"302": {"description": "elsewhere"}}),
    ] {
        let operation = json!({"operationId": "get", "responses": response});
        let tool = only_tool(&description(
            "3.0.0",
            json!({"/things": {"get": operation}}),
            json!({}),
        ));
        assert_eq!(tool.output_schema, None);
    }
}

#[test]
fn an_answer_that_another_file_describes_may_be_anything() {
    let tool = only_tool(&answering(
        "3.0.0",
        json!({"$ref": "other.yaml#/Thing"}),
        json!({}),
    ));
    assert!(http(&tool).wraps_result);
    assert_values(
        &tool.output_schema.unwrap(),
        &[json!({"result": {"a": 1}}), json!({"result": []})],
        &[],
    );
}
