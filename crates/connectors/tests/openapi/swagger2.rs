//! Swagger 2.0.

use domain::tool::{BodyEncoding, Location, Style};
use serde_json::{Value, json};

use crate::support::{assert_arguments, assert_values, body, http, imported, only_tool, parameter};

fn swagger(paths: Value) -> Value {
    json!({
        "swagger": "2.0",
        "info": {"title": "Old", "version": "1"},
        "host": "old.acme.test",
        "basePath": "/api/",
        "schemes": ["http", "https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": paths,
        "definitions": {"Thing": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "note": {"type": "string", "x-nullable": true}},
        }},
        "parameters": {"Page": {"name": "page", "in": "query", "type": "integer", "default": 1, "maximum": 5}},
        "responses": {"Thing": {"description": "ok", "schema": {"$ref": "#/definitions/Thing"}}},
        "securityDefinitions": {"key": {"type": "apiKey", "in": "query", "name": "api_key"}},
    })
}

#[test]
fn host_base_path_and_schemes_make_the_base_url_https_first() {
    let imported = imported(&swagger(json!({})));
    assert_eq!(
        (imported.base_url.as_str(), imported.title.as_str()),
        ("https://old.acme.test/api", "Old")
    );
}

#[test]
fn parameters_are_their_own_schemas_and_collection_formats_become_styles() {
    let list = |name: &str, format: &str| json!({"name": name, "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": format});
    let tool = only_tool(&swagger(json!({"/things/{ids}": {"get": {
        "operationId": "list",
        "parameters": [
            {"name": "ids", "in": "path", "required": true, "type": "array", "items": {"type": "integer"}},
            {"$ref": "#/parameters/Page"},
            {"name": "api_key", "in": "query", "type": "string"},
            {"name": "X-Trace", "in": "header", "type": "string"},
            list("a", "csv"), list("b", "ssv"), list("c", "pipes"), list("d", "multi"),
        ],
        "responses": {"200": {"$ref": "#/responses/Thing"}},
    }}})));
    for (name, location, style, explode) in [
        ("ids", Location::Path, Style::Simple, false),
        ("page", Location::Query, Style::Form, false),
        ("X-Trace", Location::Header, Style::Simple, false),
        ("a", Location::Query, Style::Form, false),
        ("b", Location::Query, Style::SpaceDelimited, false),
        ("c", Location::Query, Style::PipeDelimited, false),
        ("d", Location::Query, Style::Form, true),
    ] {
        let found = parameter(&tool, name);
        assert_eq!(
            (found.location, found.style, found.explode),
            (location, style, explode),
            "{name}"
        );
    }
    assert_eq!(http(&tool).parameters.len(), 7, "the credential is no argument");
    assert_arguments(
        &tool,
        &[json!({"ids": [1], "page": 2})],
        &[
            json!({"ids": ["x"]}),
            json!({"ids": [1], "page": 6}),
            json!({"page": 1}),
        ],
    );
    assert_values(
        &tool.output_schema.unwrap(),
        &[json!({"note": null}), json!({})],
        &[json!({"name": 1})],
    );
}

#[test]
fn a_collection_format_that_cannot_be_written_leaves_the_operation_out() {
    let imported = imported(&swagger(json!({"/things": {"get": {
        "parameters": [
            {"name": "a", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "tsv"},
        ],
        "responses": {"204": {"description": "done"}},
    }}})));
    assert!(
        imported.skipped[0].reason.contains("`tsv`"),
        "{:?}",
        imported.skipped
    );
}

#[test]
fn the_body_parameter_is_the_json_body() {
    let tool = only_tool(&swagger(json!({"/things": {"post": {
        "parameters": [{"name": "thing", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Thing"}}],
        "responses": {"201": {"description": "made", "schema": {"type": "string"}}},
    }}})));
    assert_eq!(
        (body(&tool).encoding, body(&tool).required),
        (BodyEncoding::Json, true)
    );
    assert_arguments(
        &tool,
        &[json!({"name": "x", "note": null})],
        &[json!({}), json!({"name": null})],
    );
    assert!(http(&tool).wraps_result);
}

#[test]
fn form_fields_and_files_make_a_form_or_a_multipart_body() {
    let name = json!({"name": "name", "in": "formData", "required": true, "type": "string", "description": "Its name."});
    let tags = json!({"name": "tags", "in": "formData", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"});
    let file = json!({"name": "file", "in": "formData", "type": "file"});
    let posting = |fields: Value| {
        only_tool(&swagger(json!({"/things": {"post": {
            "parameters": fields, "responses": {"204": {"description": "done"}},
        }}})))
    };
    let form = posting(json!([name, tags]));
    assert_eq!(body(&form).encoding, BodyEncoding::Form);
    let parts = &body(&form).parts;
    assert_eq!(
        (
            parts.len(),
            parts[0].name.as_str(),
            parts[0].style,
            parts[0].explode
        ),
        (1, "tags", Style::Form, true)
    );
    assert_eq!(
        form.input_schema.value()["properties"]["name"]["description"],
        "Its name."
    );
    assert_arguments(
        &form,
        &[json!({"name": "x", "tags": ["a"]})],
        &[json!({"tags": []})],
    );

    let upload = posting(json!([name, file]));
    assert_eq!(body(&upload).encoding, BodyEncoding::Multipart);
    assert!(
        body(&upload)
            .parts
            .iter()
            .any(|part| part.name == "file" && part.binary)
    );
}

#[test]
fn a_file_as_the_answer_has_no_output_schema() {
    let tool = only_tool(&swagger(json!({"/file": {"get": {
        "produces": ["application/octet-stream"],
        "responses": {"200": {"description": "ok", "schema": {"type": "file"}}},
    }}})));
    assert_eq!(tool.output_schema, None);
}
