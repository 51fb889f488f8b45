//! Wrong descriptions: every fault at once, each with its JSON pointer.

use connectors::openapi::Limits;
use domain::provider::Selection;
use serde_json::{Value, json};

use crate::support::{asking, description, faults, import_with, pointers, posting};

fn get(operation: Value) -> Value {
    description("3.0.0", json!({"/a": {"get": operation}}), json!({}))
}

#[test]
fn all_faults_are_told_at_once_and_each_where_it_is() {
    let paths = json!({
        "/pets/{petId}": {
            "get": {
                "operationId": "pets",
                "parameters": [{"in": "query", "schema": {}}, {"name": "x", "in": "nowhere", "schema": {}}],
                "responses": {"200": {"$ref": "#/components/responses/Missing"}},
            },
            "post": {"operationId": "pets", "parameters": [{"name": "petId", "in": "path", "schema": {"type": "strng"}}]},
        },
        "pets": {},
        "/list": [],
        "/put": {"put": "no"},
    });
    let found = faults(&description(
        "3.0.0",
        paths,
        json!({"schemas": {"A": {"properties": []}}}),
    ));
    let mut pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/components/schemas/A/properties",
            "/paths/pets",
            "/paths/~1list",
            "/paths/~1pets~1{petId}/get/parameters/0/name",
            "/paths/~1pets~1{petId}/get/parameters/1/in",
            "/paths/~1pets~1{petId}/get/responses/200/$ref",
            "/paths/~1pets~1{petId}/post/operationId",
            "/paths/~1pets~1{petId}/post/parameters/0/schema/type",
            "/paths/~1pets~1{petId}/post/responses",
            "/paths/~1put/put",
        ]
    );
    assert!(
        found.iter().all(|(_, message)| message.starts_with("expected ")),
        "{found:#?}"
    );
}

#[test]
fn a_version_that_is_not_understood_is_named() {
    for (description, pointer) in [
        (json!({"openapi": "4.0.0", "paths": {}}), "/openapi"),
        (json!({"swagger": "1.2", "paths": {}}), "/swagger"),
        (json!({"paths": {}}), "/openapi"),
        (json!({"openapi": 3, "paths": {}}), "/openapi"),
        (json!([]), ""),
    ] {
        let (found, message) = faults(&description).remove(0);
        assert_eq!(found, pointer);
        assert!(message.contains("3.1.x"), "{message}");
    }
}

#[test]
fn paths_have_to_be_an_object() {
    let servers = json!([{"url": "https://acme.test"}]);
    assert_eq!(
        pointers(&json!({"openapi": "3.0.0", "servers": servers})),
        ["/paths"]
    );
    assert_eq!(
        pointers(&json!({"openapi": "3.0.0", "servers": servers, "paths": []})),
        ["/paths"]
    );
}

#[test]
fn a_variable_of_the_path_without_a_parameter_is_a_fault_of_the_operation() {
    let done = json!({"responses": {"204": {"description": "done"}}});
    let description = description(
        "3.0.0",
        json!({"/a/{b}/{c": {"get": done}, "/d/{e}": {"get": done}}),
        json!({}),
    );
    assert_eq!(
        pointers(&description),
        ["/paths/~1a~1{b}~1{c/get", "/paths/~1d~1{e}/get"]
    );
}

#[test]
fn references_that_lead_nowhere_or_in_circles_are_told_where_they_stand() {
    let schemas = json!({"schemas": {
        "A": {"$ref": "#/components/schemas/B"},
        "B": {"$ref": "#/components/schemas/A"},
        "C": {"properties": {"c": {"items": {"$ref": "#/components/schemas/Nowhere"}}}},
        "D": {"example": {"$ref": "#/not/a/reference"}, "properties": {"example": {"$ref": "#/nothing"}}},
    }});
    let mut found = pointers(&posting("3.1.0", json!({}), schemas));
    found.sort();
    assert_eq!(
        found,
        [
            "/components/schemas/A/$ref",
            "/components/schemas/B/$ref",
            "/components/schemas/C/properties/c/items/$ref",
            "/components/schemas/D/properties/example/$ref",
        ]
    );
}

#[test]
fn a_fault_of_a_shared_parameter_is_told_once() {
    let uses = json!([{"$ref": "#/components/parameters/P"}, {"$ref": "#/components/parameters/P"}]);
    let mut description = asking("3.0.0", uses);
    description["components"] = json!({"parameters": {"P": {"name": "p", "schema": {}}}});
    assert_eq!(pointers(&description), ["/components/parameters/P/in"]);
}

#[test]
fn a_parameter_twice_is_a_fault_unless_it_is_the_same() {
    let p = |kind: &str| json!({"name": "p", "in": "query", "schema": {"type": kind}});
    assert_eq!(
        pointers(&asking("3.0.0", json!([p("string"), p("integer")]))),
        ["/paths/~1things~1{id}/get/parameters/2"]
    );
    crate::support::imported(&asking("3.0.0", json!([p("string"), p("string")])));
}

#[test]
fn responses_are_needed_before_3_1() {
    assert_eq!(
        pointers(&get(json!({"operationId": "x"}))),
        ["/paths/~1a/get/responses"]
    );
    let newer = description("3.1.0", json!({"/a": {"get": {"operationId": "x"}}}), json!({}));
    assert_eq!(crate::support::imported(&newer).tools.len(), 1);
}

#[test]
fn bodies_responses_and_servers_have_their_shapes() {
    let done = json!({"204": {"description": "done"}});
    for (operation, pointer) in [
        (
            json!({"responses": done, "requestBody": {}}),
            "/paths/~1a/get/requestBody/content",
        ),
        (
            json!({"responses": done, "requestBody": {"content": []}}),
            "/paths/~1a/get/requestBody/content",
        ),
        (
            json!({"responses": done, "requestBody": {"content": {"application/json": {"schema": []}}}}),
            "/paths/~1a/get/requestBody/content/application~1json/schema",
        ),
        (
            json!({"responses": {"200": "ok"}}),
            "/paths/~1a/get/responses/200",
        ),
        (
            json!({"responses": done, "servers": {}}),
            "/paths/~1a/get/servers",
        ),
        (
            json!({"responses": done, "servers": [{}]}),
            "/paths/~1a/get/servers/0/url",
        ),
        (
            json!({"responses": done, "parameters": {}}),
            "/paths/~1a/get/parameters",
        ),
        (
            json!({"responses": done, "parameters": ["p"]}),
            "/paths/~1a/get/parameters/0",
        ),
        (
            json!({"responses": done, "operationId": 5}),
            "/paths/~1a/get/operationId",
        ),
    ] {
        assert_eq!(pointers(&get(operation.clone())), [pointer], "{operation}");
    }
}

#[test]
fn what_deviates_without_harm_is_no_fault() {
    let description = json!({
        "openapi": "3.0.0",
        "servers": [{"url": "https://acme.test"}],
        "unknown": 1,
        "paths": {"x-note": "none", "/a/{id}": {
            "x-internal": true,
            "get": {
                "parameters": [
                    {"name": "id", "in": "path", "schema": {"type": "string", "required": true, "type_": 1}},
                    {"name": "stray", "in": "path", "required": true, "schema": {}},
                    {"name": "bare", "in": "query"},
                ],
                "responses": {"x-note": 1, "default": {}},
            },
        }},
    });
    let tool = crate::support::only_tool(&description);
    assert_eq!(tool.input_schema.value()["required"], json!(["id"]));
    assert!(tool.input_schema.value()["properties"].get("stray").is_none());
}

#[test]
fn more_operations_than_the_bound_are_refused() {
    let done = json!({"responses": {"204": {"description": "done"}}});
    let text = description("3.0.0", json!({"/a": {"get": done, "put": done}}), json!({})).to_string();
    let limits = Limits {
        max_operations: 1,
        ..Limits::default()
    };
    let faults = import_with(&text, &Selection::default(), limits).unwrap_err();
    assert_eq!(faults[0].pointer, "/paths");
    assert!(
        faults[0]
            .message
            .contains("at most 1 operations (the worker's import.max_operations), found 2"),
        "{faults:?}"
    );
}
