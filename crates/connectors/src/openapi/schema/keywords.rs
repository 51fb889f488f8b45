//! Keywords one by one: which are kept, and that their values are what JSON Schema 2020-12 demands.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Side, prose_limit};
use crate::openapi::{media, prose};

/// Most values of an enumeration that an answer's schema shows as examples.
const MAX_EXAMPLES: usize = 10;

/// Keywords that say something to the reader and nothing to a validator.
const ANNOTATIONS: [&str; 5] = ["title", "description", "default", "deprecated", "examples"];

/// Whether nothing here asserts anything.
pub(super) fn are_annotations(schema: &Map<String, Value>) -> bool {
    schema.keys().all(|key| ANNOTATIONS.contains(&key.as_str()))
}

/// Puts a reference beside annotations.
pub(super) fn merge_reference(schema: &mut Map<String, Value>, referred: Value) {
    if let Value::Object(members) = referred {
        schema.extend(members);
    }
}

/// Bytes that a compiled pattern may take, as where arguments are checked.
const PATTERN_BYTES: usize = 1 << 20;

/// Regular expressions, each compiled once to see whether it can be.
#[derive(Default)]
pub(super) struct Patterns(HashMap<String, bool>);

impl Patterns {
    /// Whether the validator understands it; what it does not understand is not asserted.
    pub(super) fn compiles(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.0.get(pattern) {
            return *known;
        }
        let bounded = jsonschema::PatternOptions::fancy_regex()
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES);
        let options = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(bounded);
        let compiles = options.build(&json!({"pattern": pattern})).is_ok();
        self.0.insert(pattern.to_owned(), compiles);
        compiles
    }
}

/// The types, as a schema that has only these.
pub(super) fn types(schema: &Map<String, Value>, side: Side) -> Map<String, Value> {
    let mut names: Vec<&str> = Vec::new();
    let given = match schema.get("type") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(name)) => vec![name.as_str()],
        _ => Vec::new(),
    };
    for name in given {
        let known = match name {
            "file" => "string",
            "string" | "number" | "integer" | "boolean" | "array" | "object" | "null" => name,
            // One type that is not known makes the list say nothing.
            _ => return Map::new(),
        };
        if !names.contains(&known) {
            names.push(known);
        }
    }
    if side == Side::Output && !names.is_empty() && !names.contains(&"null") {
        names.push("null");
    }
    let value = match names.as_slice() {
        [] => return Map::new(),
        [one] => json!(one),
        several => json!(several),
    };
    Map::from_iter([("type".to_owned(), value)])
}

/// A keyword that holds no schema, where its value is sound.
pub(super) fn plain(key: &str, value: &Value, side: Side) -> Option<Value> {
    match key {
        "title" => text(value, prose::TITLE),
        "description" => text(value, prose_limit(side)),
        "deprecated" => (value == &Value::Bool(true)).then(|| value.clone()),
        "format" => value
            .as_str()
            .filter(|format| *format != "binary")
            .map(|_| value.clone()),
        _ if side == Side::Output => None,
        "default" | "const" => Some(value.clone()),
        "enum" => value
            .as_array()
            .filter(|list| !list.is_empty())
            .map(|_| value.clone()),
        "uniqueItems" => (value == &Value::Bool(true)).then(|| value.clone()),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
            value.is_number().then(|| value.clone())
        }
        "multipleOf" => value
            .as_f64()
            .is_some_and(|number| number > 0.0)
            .then(|| value.clone()),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
        | "minContains" | "maxContains" => value.is_u64().then(|| value.clone()),
        "dependentRequired" => dependent(value),
        "contentEncoding" | "contentMediaType" => value.is_string().then(|| value.clone()),
        _ => None,
    }
}

fn text(value: &Value, most: usize) -> Option<Value> {
    let text = prose::trim(value.as_str()?, most);
    (!text.is_empty()).then(|| json!(text))
}

fn dependent(value: &Value) -> Option<Value> {
    let sound = value.as_object()?.values().all(|names| {
        names
            .as_array()
            .is_some_and(|names| names.iter().all(Value::is_string))
    });
    sound.then(|| value.clone())
}

/// What depends on more than one keyword: boolean bounds (3.0), bytes as base64, enumerations of answers.
pub(super) fn finish(schema: &Map<String, Value>, out: &mut Map<String, Value>, side: Side) {
    match side {
        Side::Input => {
            exclusive(schema, out, "minimum", "exclusiveMinimum");
            exclusive(schema, out, "maximum", "exclusiveMaximum");
            if media::is_binary(schema) {
                out.insert("contentEncoding".to_owned(), json!("base64"));
            }
        }
        Side::Output => {
            let values = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
            let values = values
                .or_else(|| schema.get("const").map(std::slice::from_ref))
                .unwrap_or_default();
            let shown: Vec<&Value> = values
                .iter()
                .filter(|value| !value.is_null())
                .take(MAX_EXAMPLES)
                .collect();
            if !shown.is_empty() {
                out.insert("examples".to_owned(), json!(shown));
            }
        }
    }
}

/// `exclusiveMinimum: true` beside `minimum: 5` (3.0) is `exclusiveMinimum: 5`.
fn exclusive(schema: &Map<String, Value>, out: &mut Map<String, Value>, bound: &str, flag: &str) {
    if schema.get(flag) == Some(&Value::Bool(true))
        && let Some(value) = out.shift_remove(bound)
    {
        out.insert(flag.to_owned(), value);
    }
}
