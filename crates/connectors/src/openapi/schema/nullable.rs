//! `nullable` of OpenAPI 3.0, which JSON Schema does not know.

use serde_json::{Map, Value, json};

/// Whether a schema says that null is allowed, in the words of 3.0 or of Swagger's vendors.
pub(super) fn is_declared(schema: &Map<String, Value>) -> bool {
    ["nullable", "x-nullable"]
        .into_iter()
        .any(|key| schema.get(key) == Some(&Value::Bool(true)))
}

/// The schema, allowing null too: by its types where they are all it has, else as an alternative to it.
pub(super) fn allow(mut schema: Map<String, Value>) -> Map<String, Value> {
    if ["$ref", "allOf", "anyOf", "oneOf", "not", "if"]
        .iter()
        .any(|key| schema.contains_key(*key))
    {
        return alternative(schema);
    }
    if let Some(types) = schema.get_mut("type") {
        match types {
            Value::Array(names) if !names.contains(&json!("null")) => names.push(json!("null")),
            Value::String(name) if name != "null" => *types = json!([name, "null"]),
            _ => {}
        }
    }
    if let Some(value) = schema.shift_remove("const") {
        schema.insert("enum".to_owned(), json!([value]));
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    schema
}

/// `anyOf` the schema or null; what is said to the reader stays outside.
fn alternative(schema: Map<String, Value>) -> Map<String, Value> {
    let (mut outside, inside): (Map<String, Value>, Map<String, Value>) = schema
        .into_iter()
        .partition(|(key, _)| matches!(key.as_str(), "title" | "description" | "default" | "deprecated"));
    outside.insert("anyOf".to_owned(), json!([inside, {"type": "null"}]));
    outside
}
