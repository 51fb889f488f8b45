//! The output schema of a tool.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::document::Document;
use super::media;
use super::operation::{Answer, Operation};
use super::pointer::Pointer;
use super::schema::Schemas;

/// Most schemas that are looked at to see whether one describes objects only.
const MAX_STEPS: usize = 200;

/// What the described answers are.
pub(super) struct Output {
    /// JSON Schema of `structuredContent`, complete.
    pub(super) schema: Value,
    /// Whether the answer stands in a member `result`.
    pub(super) wraps_result: bool,
}

/// The output schema that holds for every successful answer; nothing where none is described as JSON.
pub(super) fn of(
    document: &Document,
    schemas: &mut Schemas<'_>,
    operation: &Operation<'_>,
) -> Option<Output> {
    let mut described: Vec<&Value> = Vec::new();
    for schema in operation.answers.iter().filter_map(json_schema) {
        if !described.contains(&schema) {
            described.push(schema);
        }
    }
    let wraps_result = !described
        .iter()
        .all(|schema| is_object(document, schema, &Cell::new(MAX_STEPS)));
    let converted: Vec<Value> = described
        .into_iter()
        .map(|schema| schemas.convert(schema))
        .collect();
    let inner = match <[Value; 1]>::try_from(converted) {
        Ok([one]) => one,
        Err(several) if several.is_empty() => return None,
        Err(several) => json!({"anyOf": several}),
    };
    let root = if wraps_result {
        json!({"type": "object", "properties": {"result": inner}, "required": ["result"]})
    } else {
        inner
    };
    let mut schema = schemas.close(root).schema;
    if !wraps_result {
        inline_root(&mut schema);
    }
    Some(Output { schema, wraps_result })
}

fn json_schema<'a>(answer: &'a Answer<'_>) -> Option<&'a Value> {
    let json = answer.content.iter().find(|media| media::is_json(&media.name));
    let media = json.or_else(|| answer.content.iter().find(|media| media.name == "*/*"))?;
    media.schema.as_deref()
}

/// Whether a schema describes objects only.
fn is_object(document: &Document, schema: &Value, steps: &Cell<usize>) -> bool {
    let Some(left) = steps.get().checked_sub(1) else {
        return false;
    };
    steps.set(left);
    let Ok(located) = document.follow(schema, &Pointer::Text("")) else {
        return false;
    };
    let Some(members) = located.value.as_object() else {
        return false;
    };
    let nullable = |key| members.get(key) == Some(&Value::Bool(true));
    if nullable("nullable") || nullable("x-nullable") {
        return false;
    }
    let list = |key: &str| {
        members
            .get(key)
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty())
    };
    let is = |inner: &Value| is_object(document, inner, steps);
    match members.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => *names == ["object"],
        _ => {
            members.contains_key("properties")
                || list("allOf").is_some_and(|parts| parts.iter().any(is))
                || list("anyOf").is_some_and(|parts| parts.iter().all(is))
                || list("oneOf").is_some_and(|parts| parts.iter().all(is))
        }
    }
}

/// Makes the root say `type: object` by itself, as MCP wants it: a reference gives way to what it refers to.
fn inline_root(schema: &mut Value) {
    let referred = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix("#/$defs/"));
    let referred = referred
        .and_then(|name| schema.get("$defs")?.get(name))
        .and_then(Value::as_object)
        .cloned();
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if let Some(referred) = referred {
        members.shift_remove("$ref");
        let outer = std::mem::replace(members, referred);
        members.extend(outer);
    }
    if members.contains_key("$ref") {
        let inner = members.shift_remove("$ref");
        members.insert("allOf".to_owned(), json!([{"$ref": inner}]));
    }
    let rest = std::mem::take(members);
    *members = Map::from_iter([("type".to_owned(), json!("object"))]);
    members.extend(rest.into_iter().filter(|(key, _)| key != "type"));
}
