//! A value of the wrong kind at each place where one is read.

use serde_json::{Value, json};

use crate::case::{Case, case};

/// Where a value is read, in a description that has all of it.
const PLACES: [&str; 24] = [
    "",
    "/openapi",
    "/info",
    "/info/title",
    "/servers",
    "/servers/0",
    "/servers/0/url",
    "/paths",
    "/paths/~1a~1{id}",
    "/paths/~1a~1{id}/parameters",
    "/paths/~1a~1{id}/parameters/0/schema",
    "/paths/~1a~1{id}/put",
    "/paths/~1a~1{id}/put/tags",
    "/paths/~1a~1{id}/put/summary",
    "/paths/~1a~1{id}/put/requestBody",
    "/paths/~1a~1{id}/put/requestBody/content",
    "/paths/~1a~1{id}/put/requestBody/content/application~1json",
    "/paths/~1a~1{id}/put/requestBody/content/application~1json/schema",
    "/paths/~1a~1{id}/put/responses",
    "/paths/~1a~1{id}/put/responses/200",
    "/components",
    "/components/schemas",
    "/components/schemas/Pet/properties",
    "/components/schemas/Pet/required",
];

pub fn cases() -> Vec<Case> {
    let kinds = [
        ("null", Value::Null),
        ("a number", json!(7)),
        ("a list", json!([[]])),
        ("an object", json!({"": {}})),
    ];
    let at = |place: &'static str| {
        kinds.clone().into_iter().map(move |(kind, value)| {
            let mut description = whole();
            *description.pointer_mut(place).expect("a place") = value;
            case(&format!("{kind} at {place:?}"), description)
        })
    };
    let mut cases: Vec<Case> = PLACES.into_iter().flat_map(at).collect();
    cases.push(case("null everywhere", everywhere(&whole(), &Value::Null)));
    cases.push(case("lists everywhere", everywhere(&whole(), &json!([]))));
    cases
}

fn whole() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Acme", "version": "1"},
        "servers": [{"url": "https://api.acme.test/v1"}],
        "paths": {"/a/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
            "put": {
                "operationId": "put", "summary": "Puts", "tags": ["pets"],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}},
            },
        }},
        "components": {"schemas": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}},
    })
}

/// `value` in place of all that is no object.
fn everywhere(description: &Value, value: &Value) -> Value {
    match description {
        Value::Object(members) => members
            .iter()
            .map(|(key, inner)| (key.clone(), everywhere(inner, value)))
            .collect(),
        _ => value.clone(),
    }
}
