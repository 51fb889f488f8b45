//! Whatever is done to a description, the importer answers with tools or faults, and its tools are sound.

use connectors::openapi::Limits;
use domain::provider::Selection;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{check_tool, import_with};

fn seed(version: &str) -> Value {
    json!({
        version: if version == "swagger" { "2.0" } else { "3.0.3" },
        "host": "acme.test",
        "servers": [{"url": "https://{r}.acme.test", "variables": {"r": {"default": "eu"}}}],
        "paths": {
            "/pets/{id}": {
                "parameters": [{"$ref": "#/components/parameters/Id"}],
                "get": {
                    "operationId": "get", "tags": ["pets"],
                    "parameters": [{"name": "q", "in": "query", "style": "deepObject", "schema": {"type": "object"}}],
                    "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}},
                },
                "put": {
                    "requestBody": {"content": {"multipart/form-data": {
                        "schema": {"allOf": [{"$ref": "#/components/schemas/Cat"}]}, "encoding": {"name": {"explode": true}},
                    }}},
                    "parameters": [{"name": "b", "in": "body", "schema": {"$ref": "#/definitions/Pet"}}],
                    "responses": {"201": {"$ref": "#/components/responses/Pet"}},
                },
            },
        },
        "definitions": {"Pet": {"type": "object"}},
        "parameters": {"Id": {"name": "id", "in": "path", "type": "string"}},
        "components": {
            "parameters": {"Id": {"name": "id", "in": "path", "schema": {"type": "string"}}},
            "responses": {"Pet": {"content": {"*/*": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}}}},
            "schemas": {
                "Pet": {
                    "type": "object", "nullable": true, "required": ["kind"], "discriminator": {"propertyName": "kind"},
                    "properties": {"kind": {"enum": ["cat"]}, "next": {"$ref": "#/components/schemas/Pet"}},
                    "oneOf": [{"$ref": "#/components/schemas/Cat"}],
                },
                "Cat": {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"properties": {"name": {"type": "string", "readOnly": true}}}]},
            },
        },
    })
}

/// Pointers to every value of a description.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(key, inner)| places(inner, &format!("{at}/{}", escape(key)), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, inner)| places(inner, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    let known = [
        json!(null),
        json!(true),
        json!(false),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("é/~{"),
        json!([]),
        json!({}),
        json!([{}, 1, null]),
        json!("string"),
        json!("#"),
        json!({"$ref": "#"}),
        json!({"$ref": 1}),
        json!("query"),
        json!({"$ref": "#/components/schemas/Cat"}),
        json!({"$ref": "#/paths"}),
        json!({"$ref": "x.json#/a"}),
        json!({"$ref": "#/components/schemas/Pet/properties"}),
        json!({"type": ["object", "null"]}),
        json!({"not": {"$ref": "#/components/schemas/Pet"}}),
        json!({"allOf": [{"$ref": "#/components/schemas/Pet"}]}),
        json!({"type": "object", "properties": {"$ref": {"$ref": "#/components/schemas/Pet"}}}),
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()), 1 => ".{0,12}".prop_map(Value::String)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_change_to_a_description_makes_the_importer_panic_or_give_an_unsound_tool(
        version in prop::sample::select(vec!["openapi", "swagger"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), replacement()), 0..4),
    ) {
        let mut description = seed(version);
        for (index, value) in changes {
            let mut found = Vec::new();
            places(&description, "", &mut found);
            if let Some(place) = description.pointer_mut(index.get(found.as_slice()).as_str()) {
                *place = value;
            }
        }
        if let Ok(imported) = import_with(&description.to_string(), &Selection::default(), Limits::default()) {
            for tool in &imported.tools {
                check_tool(tool);
                let answer = json!({"kind": "cat", "next": {"kind": "cat"}, "result": [{}]});
                for schema in std::iter::once(&tool.input_schema).chain(&tool.output_schema) {
                    _ = crate::support::validator(schema).is_valid(&answer);
                }
            }
        }
    }

    #[test]
    fn no_text_makes_the_importer_panic(text in "\\PC{0,200}", cut in 0_usize..4_000) {
        let seed = seed("openapi").to_string();
        let cut = (0..=cut.min(seed.len())).rev().find(|at| seed.is_char_boundary(*at)).unwrap_or(0);
        for text in [text.clone(), format!("{}{text}", &seed[..cut])] {
            _ = import_with(&text, &Selection::default(), Limits::default());
        }
    }
}
