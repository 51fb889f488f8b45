//! `readOnly` and `writeOnly`: which properties are for which side.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Side;
use crate::openapi::document::Document;
use crate::openapi::pointer::Pointer;

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
    let mut seen: HashSet<*const Map<String, Value>> = HashSet::new();
    let mut pending = vec![schema];
    while let Some(schema) = pending.pop() {
        if !seen.insert(std::ptr::from_ref(schema)) {
            continue;
        }
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let hidden = properties.filter(|(_, property)| is_hidden(document, side, property));
        names.extend(hidden.map(|(name, _)| name.clone()));
        for part in schema
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let part = document.follow(part, &Pointer::Text("")).ok();
            pending.extend(part.and_then(|part| part.value.as_object()));
        }
    }
    names
}
