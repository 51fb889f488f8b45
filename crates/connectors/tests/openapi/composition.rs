//! Compositions, discriminators and circles.

use connectors::openapi::Limits;
use domain::provider::Selection;
use serde_json::{Value, json};

use crate::support::{
    answering, assert_arguments, assert_values, check_tool, import_with, only_tool, posting,
};

fn hierarchy() -> Value {
    let variant = |property: &str| {
        json!({"allOf": [
            {"$ref": "#/components/schemas/Pet"},
            {"type": "object", "properties": {property: {"type": "integer"}}, "required": [property]},
        ]})
    };
    json!({"schemas": {
        "Pet": {
            "type": "object",
            "properties": {"kind": {"type": "string"}, "name": {"type": "string"}},
            "required": ["kind"],
            "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
            "discriminator": {
                "propertyName": "kind",
                "mapping": {"cat": "#/components/schemas/Cat", "dog": "Dog", "puppy": "Dog"},
            },
        },
        "Cat": variant("lives"),
        "Dog": variant("tricks"),
    }})
}

#[test]
fn variants_that_inherit_from_the_schema_that_lists_them_are_no_endless_circle() {
    let tool = only_tool(&posting(
        "3.0.0",
        json!({"$ref": "#/components/schemas/Pet"}),
        hierarchy(),
    ));
    assert_arguments(
        &tool,
        &[
            json!({"body": {"kind": "cat", "lives": 9}}),
            json!({"body": {"kind": "puppy", "tricks": 1}}),
            json!({"body": {"kind": "dog", "tricks": 1, "name": "Rex", "lives": 1}}),
        ],
        &[
            json!({"body": {"kind": "cat", "tricks": 1}}),
            json!({"body": {"kind": "bird", "lives": 1}}),
            json!({"body": {"lives": 1}}),
        ],
    );
}

#[test]
fn a_variant_by_itself_inherits_the_members_of_its_base() {
    let schema = json!({"type": "object", "properties": {"cat": {"$ref": "#/components/schemas/Cat"}}});
    let tool = only_tool(&posting("3.0.0", schema, hierarchy()));
    assert_arguments(
        &tool,
        &[json!({"cat": {"kind": "cat", "lives": 9}})],
        &[
            json!({"cat": {"lives": 9}}),
            json!({"cat": {"kind": "cat"}}),
            json!({"cat": {"kind": 1, "lives": 9}}),
        ],
    );
}

#[test]
fn alternatives_with_an_unexpressed_discriminator_may_match_more_than_once() {
    let open = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}});
    let schema = json!({
        "oneOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}],
        "discriminator": {"propertyName": "kind"},
    });
    let schemas = json!({"schemas": {"A": open("a"), "B": open("b")}});
    let tool = only_tool(&posting("3.0.0", schema, schemas));
    assert_arguments(
        &tool,
        &[json!({"body": {"kind": "a", "a": "x"}})],
        &[json!({"body": {"a": 1, "b": 1}})],
    );
}

#[test]
fn alternatives_are_kept_as_they_are() {
    let schema = json!({"type": "object", "properties": {
        "one": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "any": {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "integer"}]},
        "all": {"allOf": [{"type": "string", "maxLength": 3}, {"minLength": 2}]},
    }});
    let tool = only_tool(&posting("3.0.0", schema, json!({})));
    assert_arguments(
        &tool,
        &[json!({"one": "x", "any": 1, "all": "abc"})],
        &[
            json!({"one": true}),
            json!({"any": "abc"}),
            json!({"all": "a"}),
            json!({"all": "abcd"}),
        ],
    );
}

#[test]
fn a_recursive_schema_stays_recursive_and_its_definitions_are_its_own() {
    let node = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
    }});
    let unused = json!({"type": "string"});
    let tool = only_tool(&posting(
        "3.0.0",
        json!({"type": "object", "properties": {"root": {"$ref": "#/components/schemas/Node"}}}),
        json!({"schemas": {"Node": node, "Unused": unused}}),
    ));
    let schema = tool.input_schema.value();
    let definitions = schema["$defs"].as_object().unwrap();
    assert_eq!(definitions.keys().collect::<Vec<_>>(), ["Node"]);
    assert_arguments(
        &tool,
        &[json!({"root": {"name": "a", "children": [{"name": "b", "children": []}]}})],
        &[json!({"root": {"name": "a", "children": [{"children": []}]}})],
    );
}

#[test]
fn schemas_that_are_all_of_each_other_are_cut_instead_of_walked_forever() {
    let schemas = json!({"schemas": {
        "A": {"type": "object", "allOf": [{"$ref": "#/components/schemas/B"}], "properties": {"a": {"type": "string"}}},
        "B": {"type": "object", "allOf": [{"$ref": "#/components/schemas/A"}], "properties": {"b": {"type": "string"}}},
        "C": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/C"}]},
    }});
    let schema = json!({"type": "object", "properties": {
        "a": {"$ref": "#/components/schemas/A"},
        "c": {"$ref": "#/components/schemas/C"},
    }});
    let tool = only_tool(&posting("3.0.0", schema, schemas));
    assert_arguments(
        &tool,
        &[json!({"a": {"a": "x", "b": "y"}, "c": "x"})],
        &[json!({"a": {"a": 1}}), json!({"a": {"b": 1}}), json!({"a": "x"})],
    );
}

#[test]
fn references_may_point_anywhere_in_the_description() {
    let schema = json!({"type": "object", "properties": {
        "odd": {"$ref": "#/components/schemas/a~1b%20c"},
        "deep": {"$ref": "#/components/schemas/Outer/properties/inner"},
        "far": {"$ref": "#/paths/~1things/post/requestBody/content/application~1json/schema/properties/near"},
        "near": {"type": "integer"},
    }});
    let schemas = json!({"schemas": {
        "a/b c": {"type": "boolean"},
        "Outer": {"type": "object", "properties": {"inner": {"type": "string"}}},
    }});
    let tool = only_tool(&posting("3.0.0", schema, schemas));
    assert_arguments(
        &tool,
        &[json!({"odd": true, "deep": "x", "far": 1})],
        &[json!({"odd": 1}), json!({"deep": 1}), json!({"far": "x"})],
    );
}

#[test]
fn a_schema_beyond_its_bound_is_cut_where_it_is_deep_and_refuses_nothing_more() {
    let wide = |next: &str| {
        let mut properties: serde_json::Map<String, Value> = (0..20)
            .map(|n| (format!("property_{n}"), json!({"type": "string"})))
            .collect();
        properties.insert(
            "next".to_owned(),
            json!({"$ref": format!("#/components/schemas/{next}")}),
        );
        json!({"type": "object", "properties": properties, "required": ["next"]})
    };
    let schemas = json!({"schemas": {
        "L1": wide("L2"), "L2": wide("L3"), "L3": wide("L4"), "L4": {"not": {"type": "object"}},
    }});
    let limits = Limits {
        max_input_schema_bytes: 2_000,
        max_output_schema_bytes: 2_000,
        ..Limits::default()
    };
    for text in [
        posting(
            "3.0.0",
            json!({"$ref": "#/components/schemas/L1"}),
            schemas.clone(),
        ),
        answering(
            "3.0.0",
            json!({"$ref": "#/components/schemas/L1"}),
            schemas.clone(),
        ),
    ] {
        let imported = import_with(&text.to_string(), &Selection::default(), limits).unwrap();
        let tool = &imported.tools[0];
        check_tool(tool);
        for schema in std::iter::once(&tool.input_schema).chain(&tool.output_schema) {
            assert!(schema.to_string().len() <= 2_000, "{schema}");
        }
        if tool.output_schema.is_none() {
            let next = json!({"next": {"next": {"next": 1}}});
            assert_values(&tool.input_schema, &[next], &[json!({"next": 1}), json!({})]);
        }
    }
}

#[test]
fn a_long_chain_of_definitions_neither_nests_too_deep_nor_takes_long() {
    let link = |n: usize| json!({"type": "object", "properties": {"next": {"$ref": format!("#/components/schemas/L{n}")}}});
    let mut schemas: serde_json::Map<String, Value> =
        (0..2_000).map(|n| (format!("L{n}"), link(n + 1))).collect();
    schemas.insert("L2000".to_owned(), json!({"type": "string"}));
    let root = json!({"type": "object", "properties": {"first": {"$ref": "#/components/schemas/L0"}}});
    let tool = only_tool(&posting("3.0.0", root, json!({"schemas": schemas})));
    let text = tool.input_schema.as_str();
    assert!(
        serde_json::from_str::<Value>(text).is_ok(),
        "nests too deep to be read back"
    );
    assert_arguments(
        &tool,
        &[json!({"first": {"next": {"next": {}}}})],
        &[json!({"first": {"next": 1}})],
    );
}

#[test]
fn compositions_that_multiply_are_walked_once() {
    let level = |n: usize| {
        let parts: Vec<Value> = (0..10)
            .map(|_| json!({"$ref": format!("#/components/schemas/L{}", n + 1)}))
            .collect();
        json!({"allOf": parts})
    };
    let mut schemas: serde_json::Map<String, Value> = (0..14).map(|n| (format!("L{n}"), level(n))).collect();
    schemas.insert(
        "L14".to_owned(),
        json!({"type": "object", "properties": {"a": {"type": "string"}}}),
    );
    let components = json!({"schemas": schemas});
    let started = std::time::Instant::now();
    for text in [
        posting(
            "3.0.0",
            json!({"type": "object", "properties": {"body": {"$ref": "#/components/schemas/L0"}, "result": {}}}),
            components.clone(),
        ),
        answering(
            "3.0.0",
            json!({"$ref": "#/components/schemas/L0"}),
            components.clone(),
        ),
    ] {
        let tool = only_tool(&text);
        for schema in std::iter::once(&tool.input_schema).chain(&tool.output_schema) {
            assert_values(schema, &[json!({})], &[json!([])]);
            let walks_the_composition = json!({"body": {"a": "x"}, "a": "x"});
            _ = crate::support::validator(schema).is_valid(&walks_the_composition);
        }
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
