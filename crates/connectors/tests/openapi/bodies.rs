//! Bodies: media types, flat arguments, forms and files.

use domain::tool::{BodyEncoding, BodySource, Style};
use serde_json::{Value, json};

use crate::support::{assert_arguments, body, description, imported, only_tool, posting};

fn sending(content: Value) -> Value {
    let operation = json!({
        "operationId": "post",
        "requestBody": {"required": true, "content": content},
        "responses": {"204": {"description": "done"}},
    });
    description("3.0.0", json!({"/things": {"post": operation}}), json!({}))
}

fn pairs(source: &BodySource) -> Vec<(&str, &str)> {
    match source {
        BodySource::Properties { properties } => properties
            .iter()
            .map(|(argument, name)| (argument.as_str(), name.as_str()))
            .collect(),
        BodySource::Argument { argument } => panic!("one argument, `{argument}`"),
    }
}

#[test]
fn the_best_media_type_is_chosen_json_first() {
    let text = json!({"schema": {"type": "string"}});
    let object = json!({"schema": {"type": "object", "properties": {"a": {"type": "string"}}}});
    let bytes = json!({"schema": {"type": "string", "format": "binary"}});
    for (content, encoding, media_type) in [
        (
            json!({"text/plain": text, "application/json": object}),
            BodyEncoding::Json,
            "application/json",
        ),
        (
            json!({"application/merge-patch+json": object}),
            BodyEncoding::Json,
            "application/merge-patch+json",
        ),
        (
            json!({"application/json; charset=utf-8": object}),
            BodyEncoding::Json,
            "application/json",
        ),
        (json!({"*/*": object}), BodyEncoding::Json, "application/json"),
        (
            json!({"*/*": bytes}),
            BodyEncoding::Binary,
            "application/octet-stream",
        ),
        (
            json!({"application/xml": object, "multipart/form-data": object}),
            BodyEncoding::Multipart,
            "multipart/form-data",
        ),
        (
            json!({"application/xml": text}),
            BodyEncoding::Text,
            "application/xml",
        ),
        (json!({"text/csv": text}), BodyEncoding::Text, "text/csv"),
        (json!({"image/png": bytes}), BodyEncoding::Binary, "image/png"),
        (
            json!({"image/*": {}}),
            BodyEncoding::Binary,
            "application/octet-stream",
        ),
        (
            json!({"application/x-www-form-urlencoded": object}),
            BodyEncoding::Form,
            "application/x-www-form-urlencoded",
        ),
    ] {
        let tool = only_tool(&sending(content.clone()));
        assert_eq!(
            (body(&tool).encoding, body(&tool).media_type.as_str()),
            (encoding, media_type),
            "{content}"
        );
    }
}

#[test]
fn a_body_that_cannot_be_written_leaves_the_operation_out_with_the_reason() {
    let imported = imported(&sending(
        json!({"application/xml": {"schema": {"type": "object"}}}),
    ));
    assert_eq!(imported.tools.len(), 0);
    assert_eq!(imported.skipped[0].operation, "POST /things");
    assert!(
        imported.skipped[0].reason.contains("application/xml"),
        "{:?}",
        imported.skipped
    );
}

#[test]
fn properties_of_an_object_are_arguments_and_give_way_to_parameters() {
    let operation = json!({
        "operationId": "put",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {
            "type": "object", "required": ["id"],
            "properties": {"id": {"type": "integer"}, "user.name": {"type": "string"}, "@type": {"type": "string"}},
        }}}},
        "responses": {"204": {"description": "done"}},
    });
    let tool = only_tool(&description(
        "3.0.0",
        json!({"/a/{id}": {"put": operation}}),
        json!({}),
    ));
    assert_eq!(
        pairs(&body(&tool).source),
        [("id_body", "id"), ("user.name", "user.name"), ("type", "@type")]
    );
    assert_arguments(
        &tool,
        &[json!({"id": "x", "id_body": 1})],
        &[json!({"id": "x"}), json!({"id": "x", "id_body": "y"})],
    );
}

#[test]
fn a_body_that_is_more_than_its_properties_is_one_argument() {
    let properties = json!({"a": {"type": "string"}});
    for schema in [
        json!({"type": "array", "items": {"type": "string"}}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "object", "properties": properties, "additionalProperties": true}),
        json!({"type": "object", "properties": properties, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        json!({"type": "object", "properties": properties, "nullable": true}),
        json!({"type": "object", "properties": properties, "discriminator": {"propertyName": "a"}}),
        json!({"type": "string"}),
        json!({}),
    ] {
        let tool = only_tool(&posting("3.0.0", schema.clone(), json!({})));
        assert_eq!(
            body(&tool).source,
            BodySource::Argument {
                argument: "body".to_owned()
            },
            "{schema}"
        );
        assert_eq!(tool.input_schema.value()["required"], json!(["body"]));
    }
}

#[test]
fn an_optional_body_needs_its_required_members_only_when_it_is_given() {
    let mut description = posting(
        "3.0.0",
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}),
        json!({}),
    );
    description["paths"]["/things"]["post"]["requestBody"]["required"] = json!(false);
    let tool = only_tool(&description);
    assert!(!body(&tool).required);
    assert_arguments(
        &tool,
        &[json!({}), json!({"a": "x"}), json!({"a": "x", "b": "y"})],
        &[json!({"b": "y"})],
    );
}

#[test]
fn files_of_a_multipart_body_are_base64_and_its_encodings_are_kept() {
    let file = json!({"type": "string", "format": "binary"});
    let tool = only_tool(&sending(json!({"multipart/form-data": {
        "schema": {"type": "object", "required": ["file"], "properties": {
            "file": file, "files": {"type": "array", "items": file}, "name": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}}, "meta": {"type": "object"},
        }},
        "encoding": {
            "file": {"contentType": "image/png, image/jpeg"},
            "tags": {"style": "pipeDelimited"},
            "meta": {"contentType": "application/json"},
        },
    }})));
    let parts: Vec<_> = body(&tool)
        .parts
        .iter()
        .map(|part| {
            (
                part.name.as_str(),
                part.binary,
                part.content_type.as_deref(),
                part.style,
                part.explode,
            )
        })
        .collect();
    assert_eq!(
        parts,
        [
            ("file", true, Some("image/png"), Style::Form, true),
            ("files", true, None, Style::Form, true),
            ("tags", false, None, Style::PipeDelimited, false),
            ("meta", false, Some("application/json"), Style::Form, true),
        ]
    );
    assert_eq!(
        tool.input_schema.value()["properties"]["file"],
        json!({"type": "string", "contentEncoding": "base64"})
    );
}

#[test]
fn a_body_in_another_file_leaves_the_operation_out_however_deep_the_reference_is() {
    for (schema, components) in [
        (json!({"$ref": "shared.yaml#/Thing"}), json!({})),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}}),
            json!({"schemas": {"A": {"items": {"$ref": "https://acme.test/b.json"}}}}),
        ),
    ] {
        let imported = imported(&posting("3.0.0", schema, components));
        assert_eq!(imported.tools.len(), 0);
        assert!(
            imported.skipped[0].reason.contains("another document"),
            "{:?}",
            imported.skipped
        );
    }
}
