//! What the schemas of arguments accept and refuse.

use serde_json::json;

use crate::support::{assert_arguments, only_tool, posting};

#[test]
fn nullable_of_3_0_accepts_null_beside_types_enumerations_references_and_compositions() {
    let properties = json!({
        "plain": {"type": "string", "nullable": true},
        "listed": {"type": "string", "nullable": true, "enum": ["a", "b"]},
        "referred": {"$ref": "#/components/schemas/Size", "nullable": true},
        "composed": {"allOf": [{"$ref": "#/components/schemas/Size"}], "nullable": true},
        "strict": {"type": "string"},
    });
    let size = json!({"schemas": {"Size": {"type": "integer", "maximum": 9}}});
    let tool = only_tool(&posting(
        "3.0.3",
        json!({"type": "object", "properties": properties}),
        size,
    ));
    assert_arguments(
        &tool,
        &[
            json!({"plain": null, "listed": null, "referred": null, "composed": null}),
            json!({"plain": "x", "listed": "a", "referred": 3, "composed": 3}),
        ],
        &[
            json!({"strict": null}),
            json!({"listed": "c"}),
            json!({"referred": 10}),
            json!({"composed": 10}),
        ],
    );
}

#[test]
fn type_arrays_of_3_1_keep_every_type() {
    let schema = json!({"type": "object", "properties": {"size": {"type": ["string", "integer", "null"]}}});
    let tool = only_tool(&posting("3.1.0", schema, json!({})));
    assert_arguments(
        &tool,
        &[json!({"size": "big"}), json!({"size": 3}), json!({"size": null})],
        &[json!({"size": true})],
    );
}

#[test]
fn members_beside_a_reference_count_in_3_1_and_are_ignored_in_3_0() {
    let schema = json!({"type": "object", "properties": {
        "name": {"$ref": "#/components/schemas/Name", "maxLength": 3, "description": "Short name."},
    }});
    let names = json!({"schemas": {"Name": {"type": "string", "minLength": 2}}});
    let newer = only_tool(&posting("3.1.0", schema.clone(), names.clone()));
    assert_arguments(
        &newer,
        &[json!({"name": "abc"})],
        &[json!({"name": "abcd"}), json!({"name": "a"})],
    );
    let older = only_tool(&posting("3.0.0", schema, names));
    assert_arguments(&older, &[json!({"name": "abcd"})], &[json!({"name": "a"})]);
    assert_eq!(
        older.input_schema.value()["properties"]["name"]["description"],
        "Short name."
    );
}

#[test]
fn read_only_properties_are_no_arguments_and_are_not_required() {
    let schema = json!({
        "allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object", "properties": {"name": {"type": "string"}}}],
        "required": ["id", "name"],
    });
    let base = json!({"schemas": {"Base": {"type": "object", "properties": {
        "id": {"type": "string", "readOnly": true},
        "secret": {"type": "string", "writeOnly": true},
    }}}});
    let tool = only_tool(&posting("3.0.0", schema, base));
    assert_arguments(
        &tool,
        &[json!({"name": "x", "secret": "s"})],
        &[json!({}), json!({"name": "x", "id": "1"})],
    );
}

#[test]
fn read_only_properties_inside_an_argument_are_gone_too() {
    let schema = json!({"type": "object", "properties": {"owner": {"$ref": "#/components/schemas/User"}}});
    let user = json!({"schemas": {"User": {
        "type": "object",
        "properties": {"id": {"type": "string", "readOnly": true}, "login": {"type": "string"}},
        "required": ["id", "login"],
        "additionalProperties": false,
    }}});
    let tool = only_tool(&posting("3.0.0", schema, user));
    assert_arguments(
        &tool,
        &[json!({"owner": {"login": "x"}})],
        &[json!({"owner": {"login": "x", "id": "1"}}), json!({"owner": {}})],
    );
}

#[test]
fn boolean_bounds_of_3_0_and_numeric_bounds_of_3_1_exclude_the_bound() {
    let older = json!({"type": "object", "properties": {"n": {
        "type": "number", "minimum": 1, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false,
    }}});
    let newer = json!({"type": "object", "properties": {"n": {"type": "number", "exclusiveMinimum": 1, "maximum": 9}}});
    for (version, schema) in [("3.0.0", older), ("3.1.0", newer)] {
        let tool = only_tool(&posting(version, schema, json!({})));
        assert_arguments(
            &tool,
            &[json!({"n": 2}), json!({"n": 9})],
            &[json!({"n": 1}), json!({"n": 10})],
        );
    }
}

#[test]
fn defaults_are_shown_and_not_required() {
    let schema =
        json!({"type": "object", "properties": {"size": {"type": "integer", "default": 30, "example": 5}}});
    let tool = only_tool(&posting("3.0.0", schema, json!({})));
    assert_eq!(
        tool.input_schema.value()["properties"]["size"],
        json!({"type": "integer", "default": 30})
    );
    assert_arguments(&tool, &[json!({})], &[]);
}

#[test]
fn what_is_no_json_schema_is_left_out_so_that_the_rest_compiles() {
    let schema = json!({"type": "object", "properties": {
        "odd": {
            "type": "string", "pattern": "(unclosed", "minLength": -1, "x-go-name": "Odd", "xml": {"name": "o"},
            "required": true, "enum": [], "format": "int-or-string", "discriminator": "kind", "allOf": [],
        },
        "default": {"type": "string"},
        "$ref": {"type": "string"},
    }});
    let tool = only_tool(&posting("3.0.0", schema, json!({})));
    let odd = &tool.input_schema.value()["properties"]["odd"];
    assert_eq!(odd, &json!({"type": "string", "format": "int-or-string"}));
    assert_arguments(
        &tool,
        &[json!({"default": "x", "odd": "y"})],
        &[json!({"odd": 1})],
    );
}

#[test]
fn arguments_that_do_not_exist_are_refused() {
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    let tool = only_tool(&posting("3.0.0", schema, json!({})));
    assert_arguments(&tool, &[json!({"name": "x"})], &[json!({"nmae": "x"})]);
}
