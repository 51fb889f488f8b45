//! References in circles, to nowhere, and to elsewhere.

use serde_json::{Value, json};

use crate::case::{Case, case, described, getting, posting};

pub fn cases() -> Vec<Case> {
    let schema = |name: &str, schema: Value, schemas: Value| case(name, posting(schema, schemas));
    let a = json!({"$ref": "#/components/schemas/A"});
    vec![
        schema("a schema that is itself", a.clone(), json!({"A": a})),
        schema(
            "two schemas that are each other",
            a.clone(),
            json!({"A": {"$ref": "#/components/schemas/B"}, "B": a}),
        ),
        schema("a chain of a thousand references", a.clone(), chain(1_000)),
        schema("a chain of thirty references", a.clone(), chain(30)),
        schema(
            "a property that is the whole",
            a.clone(),
            json!({"A": {"type": "object", "properties": {"a": a}}}),
        ),
        schema(
            "items of itself",
            a.clone(),
            json!({"A": {"type": "array", "items": a}}),
        ),
        schema(
            "allOf of itself",
            a.clone(),
            json!({"A": {"type": "object", "allOf": [a]}}),
        ),
        schema(
            "anyOf of itself",
            a.clone(),
            json!({"A": {"anyOf": [a, {"type": "string"}]}}),
        ),
        schema("not itself", a.clone(), json!({"A": {"not": a}})),
        schema(
            "if itself",
            a.clone(),
            json!({"A": {"if": a, "then": {"type": "string"}}}),
        ),
        schema(
            "allOf in a circle of three",
            a.clone(),
            json!({
                "A": {"allOf": [{"$ref": "#/components/schemas/B"}]},
                "B": {"allOf": [{"$ref": "#/components/schemas/C"}]},
                "C": {"allOf": [a]},
            }),
        ),
        schema("a reference to the root", json!({"$ref": "#"}), json!({})),
        schema(
            "a reference to the empty pointer's key",
            json!({"$ref": "#/"}),
            json!({}),
        ),
        schema(
            "a reference to the operation around it",
            json!({"$ref": "#/paths/~1a/post"}),
            json!({}),
        ),
        schema(
            "a reference to a text",
            json!({"$ref": "#/info/title"}),
            json!({}),
        ),
        schema("a reference to a number", json!({"$ref": 5}), json!({})),
        schema("a reference to null", json!({"$ref": null}), json!({})),
        schema(
            "a reference with broken escapes",
            json!({"$ref": "#/components/schemas/%zz~3"}),
            json!({}),
        ),
        schema(
            "a reference in UTF-8 that is none",
            json!({"$ref": "#/components/schemas/%ff"}),
            json!({}),
        ),
        schema(
            "a reference to a file",
            json!({"$ref": "file:///etc/passwd"}),
            json!({}),
        ),
        schema(
            "a reference to a path",
            json!({"$ref": "../../etc/passwd#/root"}),
            json!({}),
        ),
        schema(
            "a reference to the metadata service",
            json!({"$ref": "http://169.254.169.254/latest/meta-data/"}),
            json!({}),
        ),
        schema(
            "a reference to javascript",
            json!({"$ref": "javascript:alert(1)"}),
            json!({}),
        ),
        schema(
            "a reference to an anchor",
            json!({"$ref": "#thing"}),
            json!({"A": {"$anchor": "thing"}}),
        ),
        schema(
            "a property elsewhere",
            a.clone(),
            json!({"A": {"properties": {"b": {"$ref": "https://evil.test/b.json"}}}}),
        ),
        schema(
            "a dynamic reference",
            a.clone(),
            json!({"A": {"$dynamicRef": "#node", "type": "object"}}),
        ),
        schema(
            "a dynamic anchor in a circle",
            a.clone(),
            json!({"A": {"$dynamicAnchor": "node", "properties": {"next": {"$dynamicRef": "#node"}}}}),
        ),
        schema(
            "an id that moves the base",
            a.clone(),
            json!({"A": {"$id": "https://evil.test/", "properties": {"b": {"$ref": "b"}}}}),
        ),
        schema(
            "a meta-schema of its own",
            a.clone(),
            json!({"A": {"$schema": "https://evil.test/meta", "type": "object"}}),
        ),
        schema(
            "a discriminator in a circle",
            a.clone(),
            json!({
                "A": {"oneOf": [{"$ref": "#/components/schemas/B"}], "discriminator": {"propertyName": "k", "mapping": {"b": "#/components/schemas/A"}}},
                "B": {"allOf": [a, {"properties": {"k": {"const": "b"}}}]},
            }),
        ),
        schema(
            "a discriminator that maps elsewhere",
            a,
            json!({
                "A": {"oneOf": [{"type": "object"}], "discriminator": {"propertyName": "k", "mapping": {"b": "https://evil.test/b"}}},
            }),
        ),
        case(
            "a path item elsewhere",
            described(
                json!({"/a": {"$ref": "https://evil.test/a.json"}, "/b": {"get": {}}}),
                json!({}),
            ),
        ),
        case(
            "a path item in a file beside",
            described(json!({"/a": {"$ref": "paths/a.yaml"}}), json!({})),
        ),
        case(
            "a path item that is nowhere",
            described(json!({"/a": {"$ref": "#/components/pathItems/a"}}), json!({})),
        ),
        case(
            "a path item that is itself",
            described(json!({"/a": {"$ref": "#/paths/~1a"}}), json!({})),
        ),
        case(
            "two path items that are each other",
            described(
                json!({"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}}),
                json!({}),
            ),
        ),
        case(
            "a path item elsewhere with operations beside it",
            described(
                json!({"/a": {"$ref": "https://evil.test/a.json", "get": {"operationId": "get"}}}),
                json!({}),
            ),
        ),
        case(
            "an operation elsewhere",
            described(
                json!({"/a": {"get": {"$ref": "https://evil.test/a.json"}}}),
                json!({}),
            ),
        ),
        case(
            "a parameter elsewhere",
            getting("/a", json!([{"$ref": "https://evil.test/p.json"}])),
        ),
        case(
            "a parameter in a circle",
            described(
                json!({"/a": {"get": {"parameters": [{"$ref": "#/components/parameters/P"}]}}}),
                json!({"parameters": {"P": {"$ref": "#/components/parameters/P"}}}),
            ),
        ),
        case(
            "a body elsewhere",
            described(
                json!({"/a": {"post": {"requestBody": {"$ref": "other.json"}}}}),
                json!({}),
            ),
        ),
        case(
            "a response elsewhere",
            described(
                json!({"/a": {"get": {"responses": {"200": {"$ref": "other.json"}}}}}),
                json!({}),
            ),
        ),
        case("a webhook's references", {
            let mut value = described(json!({}), json!({}));
            value["webhooks"] = json!({"w": {"$ref": "https://evil.test/w.json"}});
            value
        }),
        case(
            "a callback in a circle",
            described(
                json!({"/a": {"post": {"responses": {}, "callbacks": {"c": {"{$request.body#/url}": {"$ref": "#/paths/~1a"}}}}}}),
                json!({}),
            ),
        ),
    ]
}

/// `A` leads to `S0`, that to `S1`, and so on to a text.
fn chain(length: usize) -> Value {
    let mut schemas = json!({"A": {"$ref": "#/components/schemas/S0"}});
    for i in 0..length {
        schemas[format!("S{i}")] = json!({"$ref": format!("#/components/schemas/S{}", i + 1)});
    }
    schemas[format!("S{length}")] = json!({"type": "string"});
    schemas
}
