//! `readOnly` and `writeOnly`: which properties are for which side.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Side;
use crate::openapi::document::Document;
use crate::openapi::pointer::Pointer;

/// Deepest nesting of `allOf` in which hidden properties are looked for.
const MAX_DEPTH: usize = 8;

/// Whether a property, or what it refers to, is not for this side.
pub(super) fn is_hidden(document: &Document, side: Side, property: &Value) -> bool {
    let key = match side {
        Side::Input => "readOnly",
        Side::Output => "writeOnly",
    };
    let says = |schema: &Value| schema.get(key) == Some(&Value::Bool(true));
    says(property)
        || document
            .follow(property, &Pointer::Text(""))
            .is_ok_and(|target| says(target.value))
}

/// The names of the properties that are not for this side, of this schema and all that it is composed of.
pub(super) fn hidden_names(document: &Document, side: Side, schema: &Map<String, Value>) -> HashSet<String> {
    let mut names = HashSet::new();
    collect(document, side, schema, MAX_DEPTH, &mut names);
    names
}

fn collect(
    document: &Document,
    side: Side,
    schema: &Map<String, Value>,
    depth: usize,
    names: &mut HashSet<String>,
) {
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let hidden = properties.filter(|(_, property)| is_hidden(document, side, property));
    names.extend(hidden.map(|(name, _)| name.clone()));
    if depth == 0 {
        return;
    }
    for part in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let Ok(part) = document.follow(part, &Pointer::Text("")) else {
            continue;
        };
        if let Some(part) = part.value.as_object() {
            collect(document, side, part, depth - 1, names);
        }
    }
}
