//! The reference of the methods over WebSocket: names, scopes and sentences from the tables that answer them, parameters
//! and results from the description of their HTTP twins.

use std::collections::BTreeSet;
use std::fmt::Write;

use domain::Scope;
use mcp_server::engine::Method;
use mcp_server::methods::MethodInfo;
use serde_json::Value;

use crate::failure::Failure;

const INTRODUCTION: &str = "\
# Methods over WebSocket

Generated from the tables that answer them (`devmesh generate`); do not edit.

How they are called, and the connection's own methods: [websocket-protocol.md](websocket-protocol.md). What they are for: [agents.md](agents.md), [events.md](events.md).
Fields are described in full in [openapi.json](openapi.json), at the HTTP twin of each method. A field that is not listed is refused.
";

const MCP: &str = "
## MCP

Here and at `/mcp`, in the eras of MCP that have them. `tool.list` and `tool.execute` are other names of `tools/list` and `tools/call`.

| method | scope | |
|---|---|---|
";

/// The document.
pub(super) fn markdown(openapi: &Value) -> Result<String, Failure> {
    let mut text = INTRODUCTION.to_owned();
    for info in mcp_server::agents::infos() {
        text += &section(&info, openapi)?;
    }
    text += MCP;
    for method in Method::ALL {
        let row = (method.as_str(), scope(method.scope()), method.summary());
        text += &format!("| `{}` | {} | {} |\n", row.0, row.1, row.2);
    }
    Ok(text)
}

fn scope(scope: Option<Scope>) -> String {
    scope.map_or_else(
        || "any valid key".to_owned(),
        |scope| format!("`{}`", scope.as_str()),
    )
}

fn section(info: &MethodInfo, openapi: &Value) -> Result<String, Failure> {
    let mut text = format!("\n## `{}`\n\n{}\n", info.name, info.summary);
    let Some(twin) = info.twin else {
        return Ok(text + &format!("Scope: {}.\n", scope(info.scope)));
    };
    let unknown = || Failure::of(info.name, format!("`{twin}` is not in the API"));
    let (verb, path) = twin.split_once(' ').ok_or_else(unknown)?;
    let operation = &openapi["paths"][path][verb.to_ascii_lowercase()];
    if operation.is_null() {
        return Err(unknown());
    }
    let shapes = Shapes(openapi);
    let result: Vec<_> = shapes
        .result(operation)
        .iter()
        .map(|field| format!("`{field}`"))
        .collect();
    text += &format!(
        "Scope: {}. HTTP: `{twin}`. Result: {}.\n\n| parameter | | |\n|---|---|---|\n",
        scope(info.scope),
        result.join(", ")
    );
    let noun = path.split('/').nth(3).unwrap_or_default().trim_end_matches('s');
    for field in shapes.params(operation, noun) {
        let need = if field.required { ", required" } else { "" };
        let about = field.about.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {}{need} | {about} |", field.name, field.kind);
    }
    Ok(text)
}

/// A parameter.
struct Field {
    name: String,
    kind: String,
    required: bool,
    about: String,
}

/// The API's description, with its schemas looked up.
struct Shapes<'a>(&'a Value);

impl Shapes<'_> {
    /// What is in the path, the query and the body, and the one header that says something: in a method all are params.
    fn params(&self, operation: &Value, noun: &str) -> Vec<Field> {
        let outer = operation["parameters"].as_array().into_iter().flatten();
        let mut fields: Vec<_> = outer.map(|parameter| self.parameter(parameter, noun)).collect();
        let body = self.resolved(&operation["requestBody"]["content"]["application/json"]["schema"]);
        let required: BTreeSet<_> = texts(&body["required"]).collect();
        for (name, schema) in body["properties"].as_object().into_iter().flatten() {
            fields.push(Field {
                name: name.clone(),
                kind: self.kind(schema),
                required: required.contains(name.as_str()),
                about: schema["description"].as_str().unwrap_or_default().to_owned(),
            });
        }
        fields.sort_by_key(|field| !field.required);
        fields
    }

    fn parameter(&self, parameter: &Value, noun: &str) -> Field {
        let about = parameter["description"].as_str().unwrap_or_default().to_owned();
        let (name, about) = match parameter["name"].as_str().unwrap_or_default() {
            "id" => (format!("{noun}_id"), format!("Which {noun}.")),
            "Idempotency-Key" => ("idempotency_key".to_owned(), about),
            name => (name.to_owned(), about),
        };
        Field {
            name,
            kind: self.kind(&parameter["schema"]),
            required: parameter["required"] == true,
            about,
        }
    }

    /// The fields of the answer.
    fn result(&self, operation: &Value) -> Vec<String> {
        let good = |code: &&str| operation["responses"][code].is_object();
        let code = ["200", "201"].into_iter().find(good).unwrap_or_default();
        let schema = &operation["responses"][code]["content"]["application/json"]["schema"];
        self.fields(schema)
    }

    fn fields(&self, schema: &Value) -> Vec<String> {
        let schema = self.resolved(schema);
        let own = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone());
        let parts = schema["allOf"].as_array().into_iter().flatten();
        own.chain(parts.flat_map(|part| self.fields(part))).collect()
    }

    fn resolved<'b>(&'b self, schema: &'b Value) -> &'b Value {
        match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => &self.0["components"]["schemas"][name],
            None => schema,
        }
    }

    /// What a value may be, in a few words.
    fn kind(&self, schema: &Value) -> String {
        let schema = self.resolved(schema);
        let either = schema["oneOf"].as_array().into_iter().flatten();
        if let Some(one) = either.into_iter().find(|one| one["type"] != "null") {
            return self.kind(one);
        }
        let names: Vec<_> = texts(&schema["enum"]).map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            return names.join(" or ");
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| **kind != "null").unwrap_or(&Value::Null),
            kind => kind,
        };
        match kind.as_str().unwrap_or_default() {
            "string" if schema["format"] == "uuid" => "id".to_owned(),
            "string" => "text".to_owned(),
            "integer" => "whole number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" => format!("list of {}", self.kind(&schema["items"])),
            "" => "any value".to_owned(),
            kind => kind.to_owned(),
        }
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
