//! The schemas inside a schema, told from the data inside it.

use serde_json::{Map, Value};

/// What a keyword holds.
enum Holds {
    One,
    Map,
    List,
}

fn holds(key: &str) -> Option<Holds> {
    match key {
        "items"
        | "additionalProperties"
        | "unevaluatedProperties"
        | "unevaluatedItems"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contains"
        | "propertyNames" => Some(Holds::One),
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" => Some(Holds::Map),
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Some(Holds::List),
        _ => None,
    }
}

/// Calls `visit` with every schema directly inside this one.
pub(super) fn each<'v>(schema: &'v Map<String, Value>, visit: &mut impl FnMut(&'v Value)) {
    for (key, value) in schema {
        match (holds(key), value) {
            (Some(Holds::One), value) => visit(value),
            (Some(Holds::Map), Value::Object(members)) => members.values().for_each(&mut *visit),
            (Some(Holds::List), Value::Array(items)) => items.iter().for_each(&mut *visit),
            _ => {}
        }
    }
}

/// Calls `visit` with every schema directly inside this one, to change it.
pub(super) fn each_mut(schema: &mut Map<String, Value>, visit: &mut impl FnMut(&mut Value)) {
    for (key, value) in schema {
        match (holds(key), value) {
            (Some(Holds::One), value) => visit(value),
            (Some(Holds::Map), Value::Object(members)) => members.values_mut().for_each(&mut *visit),
            (Some(Holds::List), Value::Array(items)) => items.iter_mut().for_each(&mut *visit),
            _ => {}
        }
    }
}

/// The definition that a converted schema refers to.
pub(super) fn definition(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Bytes of a value as JSON text.
pub(super) fn bytes(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            self.0 += buffer.len();
            Ok(buffer.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting does not fail; a value that could not be written would count as too long.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}
