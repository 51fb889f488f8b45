//! Parameters: where they go, how they are written, which are not the agent's to give.

use domain::tool::{Location, Style};
use serde_json::{Value, json};

use crate::support::{asking, assert_arguments, description, http, only_tool, parameter};

#[test]
fn styles_and_places_are_those_of_the_specification() {
    let of = |name: &str, place: &str, more: Value| {
        let mut parameter =
            json!({"name": name, "in": place, "schema": {"type": "array", "items": {"type": "string"}}});
        parameter
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        parameter
    };
    let tool = only_tool(&asking(
        "3.1.0",
        json!([
            of("plain", "query", json!({})),
            of("joined", "query", json!({"explode": false})),
            of("spaces", "query", json!({"style": "spaceDelimited"})),
            of(
                "pipes",
                "query",
                json!({"style": "pipeDelimited", "allowReserved": true})
            ),
            of(
                "deep",
                "query",
                json!({"style": "deepObject", "schema": {"type": "object"}})
            ),
            of("X-Trace", "header", json!({})),
            of("session", "cookie", json!({})),
        ]),
    ));
    for (name, location, style, explode) in [
        ("id", Location::Path, Style::Simple, false),
        ("plain", Location::Query, Style::Form, true),
        ("joined", Location::Query, Style::Form, false),
        ("spaces", Location::Query, Style::SpaceDelimited, false),
        ("pipes", Location::Query, Style::PipeDelimited, false),
        ("deep", Location::Query, Style::DeepObject, true),
        ("X-Trace", Location::Header, Style::Simple, false),
        ("session", Location::Cookie, Style::Form, true),
    ] {
        let found = parameter(&tool, name);
        assert_eq!(
            (found.location, found.style, found.explode),
            (location, style, explode),
            "{name}"
        );
    }
    assert!(parameter(&tool, "pipes").allow_reserved);
    assert!(!parameter(&tool, "plain").allow_reserved);
}

#[test]
fn path_styles_are_read() {
    let id = |style: &str| json!({"name": "id", "in": "path", "style": style, "explode": true, "schema": {}});
    for (name, style) in [
        ("matrix", Style::Matrix),
        ("label", Style::Label),
        ("simple", Style::Simple),
    ] {
        let operation = json!({"parameters": [id(name)], "responses": {}});
        let tool = only_tool(&description(
            "3.0.0",
            json!({"/a/{id}": {"get": operation}}),
            json!({}),
        ));
        assert_eq!(
            (parameter(&tool, "id").style, parameter(&tool, "id").explode),
            (style, true)
        );
    }
}

#[test]
fn a_parameter_with_json_content_is_sent_as_json() {
    let filter = json!({"name": "filter", "in": "query", "content": {
        "application/json": {"schema": {"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}},
    }});
    let tool = only_tool(&asking("3.0.0", json!([filter])));
    assert!(parameter(&tool, "filter").json);
    assert_arguments(
        &tool,
        &[json!({"id": "1", "filter": {"q": "x"}})],
        &[json!({"id": "1", "filter": {}})],
    );
}

#[test]
fn parameters_of_the_path_apply_to_its_operations_which_may_say_otherwise() {
    let item = json!({
        "parameters": [
            {"$ref": "#/components/parameters/Org"},
            {"name": "page", "in": "query", "schema": {"type": "integer"}},
        ],
        "get": {
            "operationId": "get",
            "parameters": [{"name": "page", "in": "query", "required": true, "schema": {"type": "string"}}],
            "responses": {"204": {"description": "done"}},
        },
    });
    let components =
        json!({"parameters": {"Org": {"name": "org", "in": "path", "schema": {"type": "string"}}}});
    let tool = only_tool(&description("3.0.0", json!({"/orgs/{org}": item}), components));
    assert_eq!(http(&tool).parameters.len(), 2);
    assert_arguments(
        &tool,
        &[json!({"org": "o", "page": "x"})],
        &[
            json!({"org": "o", "page": 1}),
            json!({"org": "o"}),
            json!({"page": "x"}),
        ],
    );
}

#[test]
fn a_path_item_may_be_a_reference_to_another() {
    let get = json!({"get": {"operationId": "get", "responses": {"204": {"description": "done"}}}});
    let paths = json!({"/a": get, "/b": {"$ref": "#/paths/~1a"}});
    let imported = crate::support::imported(&description("3.1.0", paths, json!({})));
    let mut paths: Vec<&str> = imported
        .tools
        .iter()
        .map(|tool| http(tool).path.as_str())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/a", "/b"]);
}

#[test]
fn credentials_and_headers_of_the_connection_are_no_arguments() {
    let header =
        |name: &str| json!({"name": name, "in": "header", "required": true, "schema": {"type": "string"}});
    let mut description = asking(
        "3.0.0",
        json!([
            header("Accept"), header("content-type"), header("AUTHORIZATION"), header("Host"), header("x-api-key"),
            {"name": "token", "in": "query", "schema": {"type": "string"}},
            {"name": "token", "in": "header", "schema": {"type": "string"}},
        ]),
    );
    description["components"] = json!({"securitySchemes": {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "query": {"type": "apiKey", "in": "query", "name": "token"},
    }});
    let tool = only_tool(&description);
    let names: Vec<&str> = http(&tool).parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["id", "token"]);
    assert_eq!(parameter(&tool, "token").location, Location::Header);
}

#[test]
fn names_that_collide_or_that_models_refuse_are_changed_and_go_where_they_belong() {
    let of = |name: &str, place: &str| json!({"name": name, "in": place, "schema": {"type": "string"}});
    let tool = only_tool(&asking(
        "3.0.0",
        json!([
            of("id", "query"),
            of("id", "header"),
            of("filter[name]", "query"),
            of("$top", "query"),
            of("id_query", "query"),
            of("名", "query")
        ]),
    ));
    let pairs: Vec<(&str, &str)> = http(&tool)
        .parameters
        .iter()
        .map(|p| (p.argument.as_str(), p.name.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("id", "id"),
            ("id_query", "id"),
            ("id_header", "id"),
            ("filter_name", "filter[name]"),
            ("top", "$top"),
            ("id_query_query", "id_query"),
            ("argument", "名"),
        ]
    );
}
